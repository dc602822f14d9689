"""The cycle bench runs a whole fleet of its own, balances its books, and leaves its report and nothing else."""

import json
from pathlib import Path

import pytest

from tests.e2e.commands import finished, result_in_passing

PROCESSES = {
    "price_worker",
    "alert_worker",
    "history_worker",
    "notifier",
    "rabbitmq",
    "redis",
    "postgres",
    "fcm_stand_in",
    "publisher",
    "bench",
}


@pytest.mark.timeout(500)
def test_the_cycle_bench_balances_its_books_and_reports_what_it_saw(server_programs: bool, tmp_path: Path) -> None:
    assert server_programs
    report, passing = tmp_path / "report", tmp_path / "passing"
    passing.mkdir()
    size = ["--fares", "100000", "--alerts", "20000", "--shards", "2"]
    result = result_in_passing("bench", "cycle", *size, "--report", report, folder=passing)
    _check_figures(result)
    _check_books(result, result["ledger"])
    assert json.loads((report / "cycle.json").read_text())["result"] == result
    assert {path.name for path in report.iterdir()} == {
        "cycle.json",
        "cycle.html",
        *(f"{plot}.svg" for plot in ("done", "queues", "cpu", "memory")),
    }


def _check_figures(result: dict) -> None:  # type: ignore[type-arg]  # JSON
    assert (result["fares"], result["alerts"]) == (100_000, 20_000)
    assert result["fares_per_second"] == pytest.approx(100_000 / result["seconds"], rel=0.01)
    ages = result["observation_to_push"]
    assert 0.1 < ages["p50"] <= ages["p99"] <= result["seconds"] + 0.01, "FCM answers after 100 ms"
    assert set(result["stages"]) == {"price", "alerts", "notifier"}
    assert all(stage["per_second"] > 0 for stage in result["stages"].values())
    cpu_seconds = {process["name"]: process["cpu_seconds"] for process in result["processes"]}
    assert set(cpu_seconds) == PROCESSES
    assert all(process["peak_mb"] > 1 for process in result["processes"])
    used = sum(cpu_seconds.values()) - cpu_seconds["bench"]
    assert result["cpu_us_per_fare"] == pytest.approx(used / 100_000 * 1e6, rel=0.01)
    assert {"fares.ingest", "changes.alerts", "notifications.standard"} <= {queue["name"] for queue in result["queues"]}


def _check_books(result: dict, ledger: dict) -> None:  # type: ignore[type-arg]  # JSON
    assert result["balanced"]
    assert ledger["changes"] == ledger["expected_changes"] == result["changes"]
    assert ledger["changes"] == pytest.approx(20_000, rel=0.05)
    assert ledger["claims"] == ledger["notifications"] == result["claims"]
    assert ledger["claims"] > 100
    assert ledger["claims"] == ledger["pushes"] + sum(ledger["kept_back"].values())
    assert ledger["pushes"] == result["pushes"]
    assert (ledger["set_aside"], ledger["dead_lettered"]) == (0, 0)


def test_sizes_that_do_not_fit_are_refused_before_anything_is_started(tmp_path: Path) -> None:
    size = ["--fares", "10000000", "--alerts", "2000"]
    done = finished("bench", "cycle", *size, cwd=tmp_path, settings={"TMPDIR": str(tmp_path)})
    assert done.returncode != 0
    assert done.stderr.startswith("farelark: 10000000 fares at 25 a board are more trips than 1 routes have")
    assert list(tmp_path.iterdir()) == []
