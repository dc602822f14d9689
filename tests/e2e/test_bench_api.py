"""The API bench runs a fleet of its own and says how fast it was."""

from pathlib import Path

import pytest

from tests.e2e.commands import result_in_passing


@pytest.mark.timeout(200)
def test_the_api_bench_measures_servers_of_its_own_beside_bare_http(server_programs: bool, tmp_path: Path) -> None:
    assert server_programs
    size = ["--requests", "200", "--clients", "4", "--servers", "2"]
    result = result_in_passing("bench", "api", *size, folder=tmp_path)
    counts = {name: result[name] for name in ("clients", "servers", "reads", "lists", "writes")}
    assert counts == {"clients": 4, "servers": 2, "reads": 200, "lists": 100, "writes": 40}
    for kind in ("", "lists_", "writes_"):
        assert 0 < result[f"{kind}p50_ms"] <= result[f"{kind}p99_ms"]
    assert result["ratio"] == pytest.approx(result["reads_per_second"] / result["bare_http_per_second"], rel=0.05)
