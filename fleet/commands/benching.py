"""Commands that measure, beside the ceiling of the same run."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fleet.backends import DEFAULT_SHARDS
from fleet.bench.alerts import ONLY_ALERT_WORKERS, Plan
from fleet.bench.alerts import measure as measure_alerts
from fleet.bench.api import ONLY_THE_API, expected_requests
from fleet.bench.api import measure as measure_api
from fleet.bench.cycle.growth import read_results, table
from fleet.bench.cycle.measuring import Cycle
from fleet.bench.cycle.plan import Plan as CyclePlan
from fleet.bench.cycle.plan import usual_alerts
from fleet.bench.cycle.running import run_cycle
from fleet.bench.cycle.showing import result_as_json, show_result
from fleet.bench.notify import ONLY_A_NOTIFIER, expected_pushes, settings_for
from fleet.bench.notify import measure as measure_notify
from fleet.bench.price import ONLY_PRICE_WORKERS, ROUNDS
from fleet.bench.price import Plan as PricePlan
from fleet.bench.price import measure as measure_price
from fleet.bench.sweep import MAX_PER_BOARD
from fleet.commands.options import Json
from fleet.commands.surroundings import passing_folder, reporting, sayer, stoppable
from fleet.fcm_stand_in.running import fcm_stand_in
from fleet.local import local_fleet
from shared.logs import configure


def bench_price(
    fares: Annotated[int, typer.Option(min=10_000, max=100_000_000, help="Fares in a cycle.")] = 1_000_000,
    per_board: Annotated[int, typer.Option(min=1, max=MAX_PER_BOARD, help="Fares of one route and date.")] = 25,
    changed: Annotated[float, typer.Option(min=0, max=1, help="Share of the fares whose price has moved.")] = 0.2,
    shuffled: Annotated[bool, typer.Option("--shuffled", help="Batches of all routes and dates mixed.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Price workers on the queue.")] = 2,
    as_json: Json = False,
) -> None:
    """Measure the price stage, from the queue to confirmed changes and written boards."""
    console = Console(stderr=True)
    say = sayer(console)
    configure("bench", "WARNING")
    plan = PricePlan(fares, per_board, changed, shuffled, workers)
    with (
        reporting(),
        stoppable(),
        passing_folder(console) as folder,
        local_fleet(folder, say, ONLY_PRICE_WORKERS | {"price_worker": workers}) as fleet,
        _progress(console, "comparing", ROUNDS * fares) as done,
    ):
        result = uvloop.run(measure_price(fleet.addresses, folder, plan, say, done))
    _show(asdict(result), as_json=as_json)
    if result.changes != result.expected_changes:
        sys.exit(f"farelark: {result.changes:,} changes were found, {result.expected_changes:,} are expected")


def bench_alerts(
    alerts: Annotated[int, typer.Option(min=1_000, max=20_000_000, help="Alerts in the shards.")] = 500_000,
    changes: Annotated[int, typer.Option(min=1_000, max=10_000_000, help="Changes to match.")] = 200_000,
    shards: Annotated[int, typer.Option(min=1, max=16, help="Shards that hold the alerts.")] = DEFAULT_SHARDS,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Alert workers on the queue.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure the alert stage, from the queue to confirmed notifications and committed claims."""
    console = Console(stderr=True)
    say = sayer(console)
    scale = ONLY_ALERT_WORKERS | {"alert_worker": workers}
    plan = Plan(alerts, changes, workers)
    configure("bench", "WARNING")
    with (
        reporting(),
        stoppable(),
        passing_folder(console) as folder,
        local_fleet(folder, say, scale, shards) as fleet,
        _progress(console, "filling the shards", alerts) as filled,
    ):
        result = uvloop.run(measure_alerts(fleet.addresses, plan, say, filled))
    _show(asdict(result), as_json=as_json)


def bench_api(
    requests: Annotated[int, typer.Option(min=100, max=1_000_000, help="Reads to be answered.")] = 10_000,
    clients: Annotated[int, typer.Option(min=1, max=1_000, help="Clients that ask at once.")] = 32,
    servers: Annotated[int, typer.Option(min=1, max=8, help="Processes of the API, asked in turn.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure the alerts API: authenticated reads and writes over HTTP."""
    console = Console(stderr=True)
    say = sayer(console)
    with (
        reporting(),
        stoppable(),
        passing_folder(console) as folder,
        local_fleet(folder, say, ONLY_THE_API | {"alerts_api": servers}) as fleet,
        _progress(console, "asking", expected_requests(requests)) as asked,
    ):
        roots = [service.ops for service in fleet.addresses.services]
        result = uvloop.run(measure_api(roots, requests, clients, say, asked))
    _show(asdict(result), as_json=as_json)


def bench_notify(
    pushes: Annotated[int, typer.Option(min=100, max=1_000_000, help="Pushes of a sender in a round.")] = 5_000,
    as_json: Json = False,
) -> None:
    """Measure pushes against a stand-in for FCM: the notifier's sender, firebase-admin's, and a whole notifier."""
    console = Console(stderr=True)
    say = sayer(console)
    configure("bench", "WARNING")
    with (
        reporting(),
        stoppable(),
        passing_folder(console) as folder,
        fcm_stand_in(folder / "fcm", tls=True, recorded=False) as stand_in,
        local_fleet(folder, say, ONLY_A_NOTIFIER, settings=settings_for(stand_in)) as fleet,
        _progress(console, "sending", expected_pushes(pushes)) as sent,
    ):
        results = uvloop.run(measure_notify(fleet.addresses, stand_in, pushes, say, sent))
    _show_each([asdict(result) for result in results], as_json=as_json)


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
    console = Console(stderr=True)
    plan = CyclePlan(
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
    configure("bench", "WARNING")
    if report:
        report.mkdir(parents=True, exist_ok=True)  # rather than fail when all is measured
    with reporting(), stoppable():
        plan.sweep()  # rather than find out when all is started that the sizes do not fit
        with passing_folder(console) as folder:
            cycle = run_cycle(folder, plan, console, sayer(console), partial(_progress, console))
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


@contextmanager
def _progress(console: Console, what: str, total: int) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    if not console.is_terminal:
        console.print(f"{what}: {total:,}", highlight=False)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda count: progress.update(bar, advance=count)


def _show(result: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    for name, value in _flat(result):
        print(f"{name.replace('_', ' '):<28} {value:>12,}")


def _flat(result: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, float]]:
    """Every figure by its name, those within another one after that one's."""
    for name, value in result.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name} ")
        else:
            yield f"{before}{name}", value


def _show_each(results: Sequence[Mapping[str, float]], *, as_json: bool) -> None:
    """Show several results side by side; they have the same figures."""
    if as_json:
        print(json.dumps({"results": results}))
        return
    for name in results[0]:
        print(f"{name.replace('_', ' '):<32}" + "".join(f" {result[name]:>12,}" for result in results))
