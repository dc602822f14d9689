"""Commands that measure whole cycles, and compare them."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fleet.backends import DEFAULT_SHARDS
from fleet.bench.cycle.growth import read_results, table
from fleet.bench.cycle.measuring import Cycle
from fleet.bench.cycle.plan import Plan, usual_alerts
from fleet.bench.cycle.running import run_cycle
from fleet.bench.cycle.showing import result_as_json, show_result
from fleet.bench.sweep import MAX_PER_BOARD
from fleet.commands.measuring import measuring
from fleet.commands.options import Json
from fleet.commands.surroundings import reporting


def bench_cycle(
    *,
    fares: Annotated[int, typer.Option(min=10_000, max=100_000_000, help="Fares in the cycle.")] = 1_000_000,
    alerts: Annotated[
        int | None, typer.Option(min=2_000, max=20_000_000, help="Alerts in the shards.", show_default="fares / 8")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Price workers.")] = 1,
    alert_workers: Annotated[int, typer.Option(min=1, max=8, help="Alert workers.")] = 1,
    notifiers: Annotated[int, typer.Option(min=1, max=8, help="Notifiers.")] = 1,
    per_board: Annotated[int, typer.Option(min=1, max=MAX_PER_BOARD, help="Fares of one route and date.")] = 25,
    shards: Annotated[int, typer.Option(min=1, max=16, help="Shards that hold the alerts.")] = DEFAULT_SHARDS,
    seed: Annotated[int, typer.Option(help="Another one gives other fares and alerts.")] = 1,
    as_json: Json = False,
    report: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for cycle.json, cycle.html and its plots.")
    ] = None,
) -> None:
    """Measure a whole cycle: fares through all queues and services to a stand-in for FCM."""
    plan = Plan(
        fares=fares,
        alerts=alerts or usual_alerts(fares),
        per_board=per_board,
        shards=shards,
        price_workers=workers,
        alert_workers=alert_workers,
        notifiers=notifiers,
        seed=seed,
        today=datetime.now(UTC).date(),
    )
    if report:
        report.mkdir(parents=True, exist_ok=True)  # rather than fail when all is measured
    with reporting():
        plan.sweep()  # rather than find out when all is started that the sizes do not fit
    with measuring() as bench:
        cycle = run_cycle(bench.folder, plan, bench.console, bench.say, bench.progress)
    if report:
        _write_report(cycle, report)
    if as_json:
        print(result_as_json(cycle.result))
    else:
        show_result(cycle.result, Console())
    if not cycle.result.balanced:
        sys.exit("farelark: " + "; ".join(cycle.result.ledger.faults()))


def bench_growth(
    reports: Annotated[list[Path], typer.Argument(help="Folders that `bench cycle --report` has written.")],
    into: Annotated[Path, typer.Option(file_okay=False, help="Folder for growth.md and growth.svg.")] = Path(),
) -> None:
    """Compare measured cycles of several sizes: a table and a plot."""
    from fleet.bench.cycle.report import write_growth  # noqa: PLC0415  # plots take long to load, for one command

    with reporting():
        results = read_results(reports)
        write_growth(results, into)
    print(table(results), end="")


def _write_report(cycle: Cycle, folder: Path) -> None:
    from fleet.bench.cycle.report import write_report  # noqa: PLC0415  # plots take long to load, for one command

    write_report(cycle, folder)
