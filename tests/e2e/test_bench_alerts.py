"""The alert bench runs a fleet of its own and says how fast it was."""

from pathlib import Path

import pytest

from tests.e2e.commands import result_in_passing


@pytest.mark.timeout(300)
def test_the_alert_bench_measures_a_fleet_of_its_own_beside_the_sql_alone(
    server_programs: bool, tmp_path: Path
) -> None:
    assert server_programs
    size = ["--alerts", "20000", "--changes", "12000", "--shards", "2"]
    result = result_in_passing("bench", "alerts", *size, folder=tmp_path)
    assert {name: result[name] for name in ("alerts", "shards", "workers")} == {
        "alerts": 20_000,
        "shards": 2,
        "workers": 1,
    }
    assert 12_000 <= result["changes"] <= 15_000, "it looks now and then, and may see some of the quarter before"
    assert result["claims"] > 50
    assert result["sql_only_claims"] > 50
    assert result["changes_per_second"] == pytest.approx(result["changes"] / result["seconds"], rel=0.01)
    assert result["ratio"] == pytest.approx(
        result["changes_per_second"] / result["sql_only_changes_per_second"], rel=0.01
    )
    assert 50 < result["worker_peak_mb"] < 300
