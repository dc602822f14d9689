"""Commands that measure one stage, or the API, beside the ceiling of the same run."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
import uvloop

from fleet.backends import DEFAULT_SHARDS
from fleet.bench.alerts import ONLY_ALERT_WORKERS
from fleet.bench.alerts import Plan as AlertPlan
from fleet.bench.alerts import measure as measure_alerts
from fleet.bench.api import ONLY_THE_API, expected_requests
from fleet.bench.api import measure as measure_api
from fleet.bench.ingest import ONLY_GATEWAYS
from fleet.bench.ingest import Plan as IngestPlan
from fleet.bench.ingest import measure as measure_ingest
from fleet.bench.notify import ONLY_A_NOTIFIER, expected_pushes, settings_for
from fleet.bench.notify import measure as measure_notify
from fleet.bench.price import ONLY_PRICE_WORKERS, ROUNDS
from fleet.bench.price import Plan as PricePlan
from fleet.bench.price import measure as measure_price
from fleet.bench.sweep import MAX_PER_BOARD
from fleet.commands.measuring import measuring
from fleet.commands.options import Json
from fleet.commands.surroundings import reporting
from fleet.fcm_stand_in.running import fcm_stand_in
from fleet.local import local_fleet


def bench_price(
    fares: Annotated[int, typer.Option(min=10_000, max=100_000_000, help="Fares in a cycle.")] = 1_000_000,
    per_board: Annotated[int, typer.Option(min=1, max=MAX_PER_BOARD, help="Fares of one route and date.")] = 25,
    changed: Annotated[float, typer.Option(min=0, max=1, help="Share of the fares whose price has moved.")] = 0.2,
    shuffled: Annotated[bool, typer.Option("--shuffled", help="Batches of all routes and dates mixed.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Price workers on the queue.")] = 2,
    as_json: Json = False,
) -> None:
    """Measure the price stage, from the queue to confirmed changes and written boards."""
    plan = PricePlan(fares, per_board, changed, shuffled, workers)
    with reporting():
        plan.sweep()  # rather than find out when all is started that the sizes do not fit
    with (
        measuring() as bench,
        local_fleet(bench.folder, bench.say, ONLY_PRICE_WORKERS | {"price_worker": workers}) as fleet,
        bench.progress("comparing", ROUNDS * fares) as done,
    ):
        result = uvloop.run(measure_price(fleet.addresses, bench.folder, plan, bench.say, done))
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
    scale = ONLY_ALERT_WORKERS | {"alert_worker": workers}
    plan = AlertPlan(alerts, changes, workers)
    with (
        measuring() as bench,
        local_fleet(bench.folder, bench.say, scale, shards) as fleet,
        bench.progress("filling the shards", alerts) as filled,
    ):
        result = uvloop.run(measure_alerts(fleet.addresses, plan, bench.say, filled))
    _show(asdict(result), as_json=as_json)


def bench_api(
    requests: Annotated[int, typer.Option(min=100, max=1_000_000, help="Reads to be answered.")] = 10_000,
    clients: Annotated[int, typer.Option(min=1, max=1_000, help="Clients that ask at once.")] = 32,
    servers: Annotated[int, typer.Option(min=1, max=8, help="Processes of the API, asked in turn.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure the alerts API: authenticated reads and writes over HTTP."""
    with (
        measuring() as bench,
        local_fleet(bench.folder, bench.say, ONLY_THE_API | {"alerts_api": servers}) as fleet,
        bench.progress("asking", expected_requests(requests)) as asked,
    ):
        roots = fleet.supervisor.serving("alerts_api")
        result = uvloop.run(measure_api(roots, requests, clients, bench.say, asked))
    _show(asdict(result), as_json=as_json)


def bench_ingest(
    requests: Annotated[int, typer.Option(min=100, max=1_000_000, help="Requests of one fare each.")] = 20_000,
    bulk_fares: Annotated[int, typer.Option(min=1_000, max=20_000_000, help="Fares sent in bulk.")] = 3_000_000,
    clients: Annotated[int, typer.Option(min=1, max=1_000, help="Clients that send fares one by one.")] = 128,
    gateways: Annotated[int, typer.Option(min=1, max=8, help="Processes of the gateway.")] = 2,
    as_json: Json = False,
) -> None:
    """Measure the gateway: fares one by one and in bulk, over HTTP to batches that the broker has confirmed."""
    plan = IngestPlan(requests, bulk_fares, clients)
    with (
        measuring() as bench,
        local_fleet(bench.folder, bench.say, ONLY_GATEWAYS | {"ingest_gateway": gateways}) as fleet,
        bench.progress("asking", plan.answers) as asked,
    ):
        roots = fleet.supervisor.serving("ingest_gateway")
        result = uvloop.run(measure_ingest(fleet.addresses, roots, plan, bench.say, asked))
    _show(asdict(result), as_json=as_json)


def bench_notify(
    pushes: Annotated[int, typer.Option(min=100, max=1_000_000, help="Pushes of a sender in a round.")] = 5_000,
    as_json: Json = False,
) -> None:
    """Measure pushes against a stand-in for FCM: the notifier's sender, firebase-admin's, and a whole notifier."""
    with (
        measuring() as bench,
        fcm_stand_in(bench.folder / "fcm", tls=True, recorded=False) as stand_in,
        local_fleet(bench.folder, bench.say, ONLY_A_NOTIFIER, settings=settings_for(stand_in)) as fleet,
        bench.progress("sending", expected_pushes(pushes)) as sent,
    ):
        results = uvloop.run(measure_notify(fleet.addresses, stand_in, pushes, bench.say, sent))
    _show_each([asdict(result) for result in results], as_json=as_json)


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
