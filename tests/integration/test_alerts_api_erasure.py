"""Erasing a traveller's alerts while edits and operators move them from shard to shard."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.shards.moving import move_bucket
from services.alerts_api.accounts.erasure import erase_alerts
from services.alerts_api.alerts.edits import AlertEditor
from services.alerts_api.alerts.resources import AlertRequest, Money, Target
from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.alerts.stored import StoredAlert
from shared.airports import cities
from shared.alerts.arrivals import finish_arrivals
from shared.alerts.moves import Move, activate, enter, leave
from shared.errors import MapMovedError
from shared.failpoints import Failpoints
from shared.schema.shards import alerts, arriving_alerts, bucket_transit
from shared.shard_map import ShardMap, bucket_of
from shared.shards import Shards
from tests.integration.crashing import CrashError, Crashing
from tests.integration.shard_contents import meanwhile
from tests.integration.stepped_shards import Work, interleaved

NOW = datetime.now(UTC)
USER, OTHER = uuid4(), uuid4()
MAP = ShardMap.even(4)
NO_FAILPOINTS = Failpoints(None)
# find, enter, leave, activate, forget; and two sweeps of two shards each
STEPS_OF_A_MOVE, STEPS_OF_AN_ERASURE = 5, 4
HERE, THERE = (next(city for city in sorted(cities()) if MAP.shard_of(f"{city}-LON") == shard) for shard in (1, 0))
BUCKET = bucket_of(f"{HERE}-LON")


class Pausing(Failpoints):
    """Does something when a failpoint is passed."""

    def __init__(self, at: str, then: Callable[[], None]) -> None:
        super().__init__(None)
        self._at = at
        self._then = then

    def hit(self, name: str) -> None:
        if name == self._at:
            self._then()


@pytest.fixture
async def shards(shard_engines: list[AsyncEngine]) -> Shards:
    return Shards(shard_engines)


async def add(shards: Shards, user_id: UUID = USER, origin: str = HERE) -> StoredAlert:
    day = NOW.date() + timedelta(days=30)
    target = Target(Money(12_000, "USD"))
    wish = AlertRequest(origin=origin, destination="LON", departure_from=day, departure_to=day, rule=target)
    return await AlertsStore(shards).add(user_id, wish, NOW)


async def left(shards: Shards) -> dict[str, int]:
    """What is still there, on its way too, of the user's alerts."""
    counts = {"alerts": 0, "arriving_alerts": 0, "bucket_transit": 0}
    for engine in shards.engines:
        async with engine.connect() as connection:
            owners = [*await connection.scalars(select(alerts.c.user_id))]
            counts["alerts"] += owners.count(USER)
            for table in (arriving_alerts, bucket_transit):
                owners = [*await connection.scalars(select(table.c.content["user_id"].astext))]
                counts[table.name] += owners.count(str(USER))
    return {table: count for table, count in counts.items() if count}


async def erasing(shards: Shards) -> None:
    await erase_alerts(shards, USER)


def moving(alert_id: UUID) -> Work:
    """An edit that takes the alert to another shard."""

    async def work(shards: Shards) -> StoredAlert:
        def elsewhere(request: AlertRequest) -> AlertRequest:
            return msgspec.structs.replace(request, origin=THERE)

        return await AlertEditor(shards, NO_FAILPOINTS).edit(USER, alert_id, elsewhere, NOW)

    return work


async def on_its_way(shards: Shards, stored: StoredAlert) -> Move:
    """Begin to move an alert to the first shard: it has entered, and has not left."""
    move = Move(stored.id, stored.shard, 0, f"{THERE}-LON")
    async with shards.transaction(0, [bucket_of(move.route)]) as transaction:
        await enter(transaction, move, stored.columns | {"route": move.route})
    return move


async def test_all_alerts_of_the_user_go_and_nobody_else_s(shards: Shards) -> None:
    for origin in (HERE, HERE, THERE):
        await add(shards, origin=origin)
    kept = await add(shards, OTHER)
    await erase_alerts(shards, USER)
    assert await left(shards) == {}
    assert (await AlertsStore(shards).find(OTHER, kept.id)).row == kept.row


async def test_an_alert_that_has_entered_elsewhere_can_no_longer_leave(shards: Shards) -> None:
    stored = await add(shards)
    move = await on_its_way(shards, stored)
    await erase_alerts(shards, USER)
    async with shards.transaction(stored.shard, []) as transaction:
        assert not await leave(transaction, move, stored.row["version"])
    assert await left(shards) == {}


async def test_an_alert_that_has_left_never_arrives(shards: Shards) -> None:
    stored = await add(shards)
    move = await on_its_way(shards, stored)
    async with shards.transaction(stored.shard, []) as transaction:
        assert await leave(transaction, move, stored.row["version"])
    await erase_alerts(shards, USER)
    assert await activate(shards, move) is None
    assert await left(shards) == {}


async def test_an_edit_behind_the_sweep_s_back_is_found_by_the_next(shards: Shards) -> None:
    """The alert enters the shard that was swept first, and has left when the sweep comes to its own."""
    two = shards.engines[:2]
    stored = await add(shards)
    await interleaved(two, [erasing, moving(stored.id)], [0, *[1] * (STEPS_OF_A_MOVE - 2)])
    assert await left(shards) == {"alerts": 1}
    await erase_alerts(Shards(two), USER)
    assert await left(shards) == {}


async def test_however_an_edit_and_a_sweep_meet_nothing_is_left_after_the_next(shards: Shards) -> None:
    two = shards.engines[:2]
    turns = range(STEPS_OF_A_MOVE + STEPS_OF_AN_ERASURE)
    orders = [[int(turn in moves) for turn in turns] for moves in combinations(turns, STEPS_OF_A_MOVE)]
    for order in random.Random(4).sample(orders, 12):  # noqa: S311  # repeatable, not secret
        stored = await add(shards)
        await interleaved(two, [erasing, moving(stored.id)], order)
        await erase_alerts(Shards(two), USER)
        await finish_arrivals(Shards(two), timedelta(0))
        assert await left(shards) == {}, order


async def test_alerts_are_locked_in_the_order_of_their_ids(shards: Shards) -> None:
    """As the alert workers do it, so that neither waits for the other in a circle."""
    first, second = sorted([(await add(shards)).id for _ in range(2)])
    engine = shards.engines[MAP.shards[BUCKET]]
    lock = select(alerts.c.id).with_for_update(nowait=True)
    async with engine.connect() as worker:
        # By age the second comes first.
        await worker.execute(update(alerts).where(alerts.c.id == second).values(created_at=NOW - timedelta(days=1)))
        await worker.commit()
        await worker.execute(lock.where(alerts.c.id == first))
        sweep = asyncio.create_task(erase_alerts(shards, USER))
        await somebody_waits(engine)
        await worker.execute(lock.where(alerts.c.id == second))
        await worker.commit()
    await sweep
    assert await left(shards) == {}


async def somebody_waits(engine: AsyncEngine) -> None:
    """Wait until somebody waits for a lock of this database."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        while not await connection.scalar(waiting):  # noqa: ASYNC110  # the server calls nobody back
            await asyncio.sleep(0.01)


async def moved(shard_urls: Sequence[str], failpoints: Failpoints) -> None:
    await move_bucket(shard_urls, BUCKET, 2, lambda _: None, failpoints)


async def test_a_bucket_in_the_middle_of_its_move_leaves_without_them(shard_urls: list[str], shards: Shards) -> None:
    """They are erased where they are and in the copy, and the two are found to be the same."""
    kept = await add(shards, OTHER)
    await add(shards)

    def erase() -> None:
        meanwhile(erased(shard_urls))

    await moved(shard_urls, Pausing("shards.copied", erase))
    assert await left(shards) == {}
    assert (await AlertsStore(Shards(shards.engines)).find(OTHER, kept.id)).shard == 2


async def erased(urls: Sequence[str]) -> None:
    """Erase from connections of our own."""
    shards = Shards.at(urls, application="tests", pool_size=1)
    try:
        await erase_alerts(shards, USER)
    finally:
        await shards.close()


async def test_what_lies_in_a_bucket_between_two_shards_is_not_passed_over(
    shard_urls: list[str], shards: Shards
) -> None:
    await add(shards)
    with pytest.raises(CrashError):
        await moved(shard_urls, Crashing("shards.switched_source"))
    with pytest.raises(MapMovedError):
        await erase_alerts(shards, USER)
    await moved(shard_urls, NO_FAILPOINTS)
    await erase_alerts(shards, USER)
    assert await left(shards) == {}


async def test_what_a_move_of_a_bucket_has_left_behind_goes_too(shards: Shards) -> None:
    stored = await add(shards)
    copy = {"id": stored.id, "bucket": BUCKET, "content": msgspec.to_builtins(stored.columns)}
    async with shards.engines[3].begin() as connection:
        await connection.execute(insert(bucket_transit).values(copy))
    await erase_alerts(shards, USER)
    assert await left(shards) == {}
