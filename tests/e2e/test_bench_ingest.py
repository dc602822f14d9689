"""The ingest bench runs a fleet of its own and says how fast it was."""

from pathlib import Path

import pytest

from tests.e2e.commands import result_in_passing


@pytest.mark.timeout(200)
def test_the_ingest_bench_measures_a_gateway_of_its_own_beside_its_ceilings(
    server_programs: bool, tmp_path: Path
) -> None:
    assert server_programs
    size = ["--requests", "300", "--clients", "4", "--bulk-fares", "60000"]
    result = result_in_passing("bench", "ingest", *size, folder=tmp_path)
    assert {name: result[name] for name in ("gateways", "clients", "requests", "bulk_fares")} == {
        "gateways": 2,
        "clients": 4,
        "requests": 300,
        "bulk_fares": 60_000,
    }
    assert 0 < result["p50_ms"] <= result["p99_ms"]
    assert result["ratio"] == pytest.approx(result["requests_per_second"] / result["bare_http_per_second"], rel=0.05)
    speeds = result["bulk_fares_per_second"], result["bare_broker_fares_per_second"]
    assert result["bulk_ratio"] == pytest.approx(speeds[0] / speeds[1], rel=0.05)
