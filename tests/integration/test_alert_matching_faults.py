"""The match when something fails: crashes, alerts that change under it, servers that are away."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.servers.ports import free_ports
from shared.airports import route_of
from shared.broker.outgoing import Outgoing
from shared.databases import open_engine
from shared.deliveries import Context, Delivery, Done, Park
from shared.errors import UnavailableError
from shared.fakes import FakeAcknowledger, FakeBroker
from shared.fare_boards.store import BoardStore
from shared.messages.batches import ARROW, decode
from shared.messages.changes import CHANGES
from shared.messages.notifications import notification_id
from shared.schema.shards import alerts, shard_state
from shared.shard_map import bucket_of
from tests.integration.alert_rows import (
    DAY,
    ROUTE,
    SHARD_MAP,
    Document,
    Stage,
    alert_row,
    change,
    fired_alerts,
    stage,
    store_alerts,
    told_of,
)
from tests.integration.conftest import SHARDS
from tests.integration.crashing import CrashError, Crashing

__all__ = ["stage"]


async def test_a_claim_is_rolled_back_when_its_notification_is_not_confirmed(stage: Stage) -> None:
    """The repeat has the same notification id."""
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    stage.broker.there = False
    with pytest.raises(UnavailableError, match="rabbitmq"):
        await stage.match(change(9_000, 12_000))
    assert await fired_alerts(stage.engines) == {}
    stage.broker.there = True
    await stage.match(change(9_000, 12_000))
    assert [notice.id for notice in stage.told] == [notification_id(armed, 0, 1, *told_of(stage.told[0]))]


@pytest.mark.parametrize("point", ["matched", "notifications_confirmed", "claims_committed"])
async def test_a_batch_that_is_repeated_after_a_crash_claims_once(stage: Stage, point: str) -> None:
    """A notification is at most repeated, with the id that it had."""
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    crashing = Stage(stage.engines, stage.boards, Crashing(f"alert_worker.{point}"), stage.broker)
    with pytest.raises(CrashError):
        await crashing.match(change(9_000, 12_000))
    assert await stage.match(change(9_000, 12_000)) == Done()
    assert await fired_alerts(stage.engines) == {armed: (1, 8_820)}
    assert {notice.id for notice in stage.told} == {notification_id(armed, 0, 1, *told_of(stage.told[0]))}


async def test_two_batches_with_the_same_alerts_in_opposite_orders_claim_each_once(
    shard_engines: list[AsyncEngine], boards: BoardStore
) -> None:
    """Neither waits for the other in a circle, and who comes second judges the alert as it then is."""
    days = [DAY + timedelta(days=offset) for offset in range(300)]
    changes = [change(9_000, 12_000, departure_date=day) for day in days]
    for _ in range(3):
        armed = await store_alerts(shard_engines, *(alert_row(departure_from=day, departure_to=day) for day in days))
        stage = Stage(shard_engines, boards)
        orders = (changes, changes[::-1], changes, changes[::-1])
        assert await asyncio.gather(*(stage.match(*order) for order in orders)) == [Done()] * 4
        assert sorted(notice.alert_id for notice in stage.told) == sorted(armed)
        claimed = await fired_alerts(shard_engines)
        assert {claimed[alert_id] for alert_id in armed} == {(1, 8_820)}


@pytest.mark.parametrize(
    ("edit", "fires"),
    [
        ({"state": "paused"}, False),
        ({"state": "fired"}, False),
        ({"state": "expired"}, False),
        ({"armed_price": 8_999}, False),
        ({"armed_price": 12_000}, False),
        ({"departure_to": DAY + timedelta(days=2), "departure_from": DAY + timedelta(days=1)}, False),
        ({"cabin": 3}, False),
        ({"armed_price": 9_000}, True),
        ({"cabin": 0}, True),
    ],
)
async def test_an_alert_that_changes_between_find_and_lock_is_judged_as_it_then_is(
    stage: Stage, edit: dict[str, Any], *, fires: bool
) -> None:
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    async with stage.engines[SHARD_MAP.shard_of(ROUTE)].connect() as editor:
        await editor.execute(update(alerts).values(edit))  # not committed: the match finds the alert as it was
        matching = asyncio.create_task(stage.match(change(9_000, 12_000)))
        await _until_somebody_waits_for_a_lock(stage)
        await editor.commit()
    assert await matching == Done()
    assert [notice.alert_id for notice in stage.told] == [armed] * fires


async def test_an_alert_that_is_deleted_between_find_and_lock_is_told_nothing(stage: Stage) -> None:
    await store_alerts(stage.engines, alert_row(10_000))
    async with stage.engines[SHARD_MAP.shard_of(ROUTE)].connect() as editor:
        await editor.execute(alerts.delete())
        matching = asyncio.create_task(stage.match(change(9_000, 12_000)))
        await _until_somebody_waits_for_a_lock(stage)
        await editor.commit()
    assert await matching == Done()
    assert stage.told == []


async def _until_somebody_waits_for_a_lock(stage: Stage) -> None:
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname LIKE 'shard%'")
    async with asyncio.timeout(8), stage.engines[0].execution_options(isolation_level="AUTOCOMMIT").connect() as asking:
        while not await asking.scalar(waiting):  # noqa: ASYNC110  # only the server knows
            await asyncio.sleep(0.01)


# A route on each shard.
ROUTES = {
    SHARD_MAP.shard_of(route_of("JFK", destination)): ("JFK", destination)
    for destination in ("CDG", "FCO", "MAD", "AMS", "FRA", "ZRH", "VIE", "LIS", "DUB", "ATH", "OSL", "LHR")
}


def changes_everywhere() -> list[Document]:
    assert sorted(ROUTES) == [0, 1, 2, 3]
    return [change(9_000, 12_000, origin=origin, destination=to) for origin, to in ROUTES.values()]


async def alerts_everywhere(engines: Sequence[AsyncEngine]) -> dict[int, UUID]:
    return {
        shard: (await store_alerts(engines, alert_row(10_000, route_of(*pair))))[0] for shard, pair in ROUTES.items()
    }


async def test_while_a_shard_is_down_its_part_is_parked_and_the_others_go_on(stage: Stage) -> None:
    armed = await alerts_everywhere(stage.engines)
    (closed_port,) = free_ports(1)
    down = open_engine(f"postgresql://nobody:secret@127.0.0.1:{closed_port}/none", application="tests", pool_size=1)
    crippled = Stage([*stage.engines[:2], down, stage.engines[3]], stage.boards, broker=stage.broker)

    settlement = await crippled.match(*changes_everywhere())

    assert isinstance(settlement, Park)
    assert (settlement.reason, settlement.content_type) == ("shard_unavailable", ARROW)
    assert set(await fired_alerts(stage.engines)) == {armed[0], armed[1], armed[3]}
    parked = decode(CHANGES, settlement.body or b"", settlement.content_type).rows.to_pylist()
    assert [(row["origin"], row["destination"]) for row in parked] == [ROUTES[2]]
    repeat = Delivery(settlement.body or b"", settlement.content_type, Context(attempt=1), None, FakeAcknowledger())
    assert await stage.changes([repeat]) == [Done()]
    assert set(await fired_alerts(stage.engines)) == set(armed.values())
    assert len(stage.told) == 4
    await down.dispose()


async def test_a_part_for_a_bucket_that_has_moved_is_parked_and_goes_where_it_belongs(stage: Stage) -> None:
    armed = await alerts_everywhere(stage.engines)
    await stage.shards.current_map()  # the old map is known by now
    before = SHARD_MAP.shard_of(ROUTE)
    newer = SHARD_MAP.moved(bucket_of(ROUTE), (before + 1) % len(SHARDS))
    async with stage.engines[newer.shard_of(ROUTE)].begin() as there, stage.engines[before].begin() as here:
        (row,) = (await here.execute(alerts.delete().returning(alerts))).mappings().all()
        await there.execute(alerts.insert().values(**row))
        for connection in (here, there):
            await connection.execute(update(shard_state).values(map_version=newer.version, shards=list(newer.shards)))

    settlement = await stage.match(*changes_everywhere())

    assert isinstance(settlement, Park)
    assert settlement.reason == "map_moved"
    parked = decode(CHANGES, settlement.body or b"", settlement.content_type).rows.to_pylist()
    assert [(row["origin"], row["destination"]) for row in parked] == [("JFK", "LHR")]
    repeat = Delivery(settlement.body or b"", settlement.content_type, Context(attempt=1), None, FakeAcknowledger())
    assert await stage.changes([repeat]) == [Done()]
    assert sorted(notice.alert_id for notice in stage.told) == sorted(armed.values())


class Terminating(FakeBroker):
    """While notifications are being confirmed, the shards' server ends all connections but the one that asks."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__()
        self._engine = engine

    async def publish(self, message: Outgoing) -> None:
        """Confirm after the connections have ended."""
        ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
        async with self._engine.connect() as connection:
            await connection.execute(text(ours))
        await super().publish(message)


async def test_a_shard_that_restarts_within_a_transaction_has_its_part_parked(stage: Stage) -> None:
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    cut_off = Stage(stage.engines, stage.boards, broker=Terminating(stage.engines[0]))
    settlement = await cut_off.match(change(9_000, 12_000))
    assert isinstance(settlement, Park)
    assert settlement.reason == "shard_unavailable"
    assert await fired_alerts(stage.engines) == {}
    assert await stage.match(change(9_000, 12_000)) == Done()
    assert await fired_alerts(stage.engines) == {armed: (1, 8_820)}
