"""Buckets move to other shards while changes flow, and are cut short: no claim or change is lost, none counts twice."""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from fleet.chain import Chain, open_chain
from fleet.publishing import FarePublisher, fare_publisher
from fleet.replaying import Batch, batches, read, shift, stamp
from tests.e2e.commands import finished
from tests.e2e.model import Model, read_days, shifted
from tests.e2e.price_history import history_in, history_of
from tests.e2e.rates import RATES
from tests.e2e.running_fleet import RunningFleet
from tests.e2e.wishes import Wishes
from tests.integration.shard_contents import map_of
from tests.real_data import real_file

ALERTS = 300
SHARDS = 4
DRAIN_SECONDS = 120
# What cuts the move of each day short; nothing on the days on which it runs beside the fares.
CUTS = (None, "shards.copied", "shards.switched_source", "shards.switched_target", "shards.switched_all", None)


@pytest.mark.timeout(400)
def test_alerts_whose_bucket_moves_meanwhile_fire_as_if_it_had_stayed(fleet: RunningFleet) -> None:
    path = real_file("fares/gflights_dev.csv.gz")
    history, days_moved = shift(read([path]), datetime.now(UTC).date())
    published = list(batches(history, by_day=True))[: len(CUTS)]
    days = shifted(read_days(path)[: len(CUTS)], days_moved)
    wishes, model = Wishes(), Model(RATES)
    model.make(wishes.make(fleet, list(chain(*days)), RATES, count=ALERTS, seed=3))
    route = busiest_route(fleet)
    home = asyncio.run(map_of(fleet.addresses.shards[0])).shard_of(route)
    pids = {service.name: service.pid for service in fleet.addresses.services}

    for target, (batch, fares, cut) in enumerate(zip(published, days, CUTS, strict=True), start=home + 1):
        asyncio.run(work_off(fleet, batch, Move(fleet, route, target % SHARDS, cut)))
        model.see(fares)

    assert fleet.claims() == {name: alert.claim for name, alert in wishes.alerts.items()}
    assert sorted(str(row["id"]) for row in fleet.alert_rows()) == sorted(wishes.alerts)
    ledger = fleet.status()["ledger"]
    told = Counter((push["notification_id"], push["device"]) for push in fleet.pushes())
    assert 0 < ledger["claims"] == ledger["notifications"]
    assert set(told.values()) == {1}
    assert history_in(fleet) == history_of(model.changed)
    assert fleet.run("shards", "check") == {"faults": []}
    assert pids == {service.name: service.pid for service in fleet.addresses.services}, "a hangup ended a worker"


class Move:
    """The move of a day, cut short if told."""

    def __init__(self, fleet: RunningFleet, route: str, target: int, cut: str | None) -> None:
        self._fleet = fleet
        self._arguments = ("shards", "move", route, str(target))
        self._cut = cut

    async def begin(self) -> None:
        """Move the bucket, or begin to."""
        if self._cut is None:
            return
        folder = self._fleet.folder / "failpoints"
        (folder / self._cut).write_text("1")
        killed = await asyncio.to_thread(
            finished,
            *self._arguments,
            "--data",
            self._fleet.folder,
            cwd=self._fleet.folder.parent,
            settings={"FAILPOINTS": str(folder)},
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert await asyncio.to_thread(self._faults), "nobody would know that the move was cut short"

    async def end(self) -> None:
        """Move it, or finish the move."""
        await asyncio.to_thread(self._fleet.run, *self._arguments)

    def _faults(self) -> str:
        folder = self._fleet.folder
        return finished("shards", "check", "--data", folder, cwd=folder.parent).stdout.replace("all is well\n", "")


async def work_off(fleet: RunningFleet, day: Batch, move: Move) -> None:
    """Publish a day, one message a route, while a move is on its way or lies cut short."""
    fares = stamp(day, datetime.now(UTC)).fares
    async with open_chain(fleet.addresses) as queues, fare_publisher(fleet.addresses) as publisher:
        handled = (await queues.look()).settled
        await move.begin()
        await asyncio.gather(publish(fares, publisher), finish_under_load(move, queues, handled))
        await queues.drain(DRAIN_SECONDS)


async def publish(fares: pa.RecordBatch, publisher: FarePublisher) -> None:
    for route in by_route(fares):
        await publisher.publish(route, cycle="moves")
    await publisher.flush()


async def finish_under_load(move: Move, queues: Chain, handled: float) -> None:
    """Go on with the move once the workers are at it."""
    async with asyncio.timeout(60):
        while (await queues.look()).settled <= handled:  # noqa: ASYNC110  # other processes do the work
            await asyncio.sleep(0.01)
    await move.end()


def by_route(fares: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    routes = pc.binary_join_element_wise(fares["origin"], fares["destination"], "-")
    for route in routes.unique():
        yield fares.filter(pc.equal(routes, route))


def busiest_route(fleet: RunningFleet) -> str:
    """The route with the most alerts."""
    routes = Counter(str(row["route"]) for row in fleet.alert_rows())
    return routes.most_common(1)[0][0]
