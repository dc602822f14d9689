"""The price bench runs a fleet of its own, finds the changes that there are, and says what a fare took."""

from pathlib import Path

import pytest

from tests.e2e.commands import finished, result_in_passing


@pytest.mark.timeout(300)
@pytest.mark.parametrize("options", [["--workers", "2"], ["--shuffled", "--per-board", "40", "--changed", "0.5"]])
def test_the_price_bench_measures_a_fleet_of_its_own_beside_its_ceiling(
    server_programs: bool, tmp_path: Path, options: list[str]
) -> None:
    assert server_programs
    result = result_in_passing("bench", "price", "--fares", "60000", *options, folder=tmp_path)
    assert result["fares"] == 60_000
    assert result["changes"] == result["expected_changes"] > 10_000
    assert result["fares_per_second"] == pytest.approx(60_000 / result["seconds"], rel=0.01)
    assert result["ratio"] == pytest.approx(result["fares_per_second"] / result["ceiling_fares_per_second"], rel=0.01)
    assert 23 < result["redis_bytes_per_fare"] < 60, "a row has 23 bytes, and its board a key"
    assert all(cpu > 0 for cpu in result["cpu_us_per_fare"].values())
    assert set(result["ceiling_cpu_us_per_fare"]) == {"validate", "sort", "read", "compare", "write"}
    assert 50 < result["worker_peak_mb"] < 400


def test_more_fares_than_there_are_boards_for_are_refused_before_anything_is_started(tmp_path: Path) -> None:
    command = ["bench", "price", "--fares", "50000000", "--per-board", "1"]
    done = finished(*command, cwd=tmp_path, settings={"TMPDIR": str(tmp_path)})
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert sentence.endswith("take fewer fares, or more on a board")
