"""An alert whose edit takes it to another shard: never lost, never active twice, whoever dies or comes between."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import combinations
from typing import Any
from uuid import UUID, uuid4

import pytest
import stamina
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.alerts.edits import AlertEditor
from services.alerts_api.alerts.patching import patched
from services.alerts_api.alerts.resources import AlertRequest, Money, Target
from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.alerts.stored import StoredAlert, UnknownAlertError
from shared.airports import cities
from shared.alerts.arrivals import finish_arrival, finish_arrivals
from shared.databases import open_engine
from shared.failpoints import Failpoints
from shared.schema.shards import rates as rates_table
from shared.schema.shards import shard_state
from shared.shard_map import ShardMap, bucket_of
from shared.shards import MapMovedError, Shards
from tests.development_rates import RATES
from tests.integration.crashing import CrashError, Crashing
from tests.integration.stepped_shards import Actor, Work, interleaved

NOW = datetime.now(UTC)
USER = uuid4()
MAP = ShardMap.even(4)
AT_ONCE = timedelta(0)
NO_FAILPOINTS = Failpoints(None)
# find, enter, leave, activate, forget
STEPS_OF_A_MOVE = 5


def origin_in(shard: int) -> str:
    """A city whose route to London lies in this shard."""
    return next(city for city in sorted(cities()) if MAP.shard_of(f"{city}-LON") == shard)


HERE, THERE = origin_in(0), origin_in(1)


def wish(**changes: Any) -> AlertRequest:  # noqa: ANN401  # of every field
    first = NOW.date() + timedelta(days=30)
    good: dict[str, Any] = {
        "origin": HERE,
        "destination": "LON",
        "departure_from": first,
        "departure_to": first,
        "rule": Target(Money(12_000, "USD")),
    }
    return AlertRequest(**good | changes)


@pytest.fixture
async def engines(shard_engines: list[AsyncEngine]) -> list[AsyncEngine]:
    """Two of the shards are enough to move between."""
    for engine in shard_engines:
        async with engine.begin() as connection:
            await connection.execute(text("TRUNCATE departed_alerts"))
    return shard_engines[:2]


@pytest.fixture
async def shards(engines: list[AsyncEngine]) -> Shards:
    return Shards(engines)


@pytest.fixture
async def alert_id(shards: Shards) -> UUID:
    return (await AlertsStore(shards).add(USER, wish(), NOW)).id


def editing(alert_id: UUID, patch: dict[str, Any], failpoints: Failpoints = NO_FAILPOINTS) -> Work:
    """An edit, as work on some shards."""

    async def work(shards: Shards) -> StoredAlert:
        return await AlertEditor(shards, failpoints).edit(USER, alert_id, partial(patched, patch=patch), NOW)

    return work


def recovering(alert_id: UUID) -> Work:
    """What a reader does who does not find the alert."""
    return lambda shards: finish_arrival(shards, alert_id)


def sweeping(shards: Shards) -> Any:  # noqa: ANN401  # an awaitable
    return finish_arrivals(shards, AT_ONCE)


def deleting(alert_id: UUID) -> Work:
    return lambda shards: AlertsStore(shards).remove(USER, alert_id)


def pausing(alert_id: UUID) -> Work:
    return lambda shards: AlertsStore(shards).pause(USER, alert_id)


async def rows(engines: Sequence[AsyncEngine], table: str = "alerts") -> list[dict[str, Any]]:
    found = []
    for shard, engine in enumerate(engines):
        async with engine.connect() as connection:
            answer = await connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608 - ours
            found += [{"shard": shard, **row} for row in answer.mappings()]
    return found


async def swept(engines: Sequence[AsyncEngine]) -> list[dict[str, Any]]:
    """The alerts after a sweep, which leaves nothing of any move."""
    await sweeping(Shards(engines))
    assert await rows(engines, "arriving_alerts") == []
    assert await rows(engines, "departed_alerts") == []
    return await rows(engines)


def every_order(first: int, second: int) -> list[list[int]]:
    """All ways to take turns for two who take so many."""
    turns = range(first + second)
    return [[0 if turn in firsts else 1 for turn in turns] for firsts in combinations(turns, first)]


def some(count: int, orders: list[list[int]]) -> list[list[int]]:
    """A few of them, the same in every run."""
    return random.Random(3).sample(orders, count)  # noqa: S311  # repeatable, not secret


async def test_a_mover_that_dies_before_it_left_changes_nothing(engines: list[AsyncEngine], alert_id: UUID) -> None:
    before = await rows(engines)
    with pytest.raises(CrashError):
        await editing(alert_id, {"origin": THERE}, Crashing("alerts_api.edit_arrived"))(Shards(engines))
    assert await rows(engines) == before
    (after,) = await swept(engines)
    assert after == before[0]
    await editing(alert_id, {"origin": THERE})(Shards(engines))
    assert [(row["shard"], row["revision"]) for row in await swept(engines)] == [(1, 1)]


async def test_a_mover_that_dies_after_it_left_has_moved(engines: list[AsyncEngine], alert_id: UUID) -> None:
    with pytest.raises(CrashError):
        await editing(alert_id, {"origin": THERE}, Crashing("alerts_api.edit_left"))(Shards(engines))
    assert await rows(engines) == []
    (after,) = await swept(engines)
    assert (after["shard"], after["id"], after["route"], after["revision"]) == (1, alert_id, f"{THERE}-LON", 1)
    assert after["check_at"] - after["updated_at"] == timedelta(seconds=60)


async def test_a_reader_finds_an_alert_that_is_between_two_shards(engines: list[AsyncEngine], alert_id: UUID) -> None:
    with pytest.raises(CrashError):
        await editing(alert_id, {"origin": THERE}, Crashing("alerts_api.edit_left"))(Shards(engines))
    assert (await AlertsStore(Shards(engines)).find(USER, alert_id)).route == f"{THERE}-LON"
    assert [row["shard"] for row in await swept(engines)] == [1]


async def test_a_stranger_does_not_find_it_there(engines: list[AsyncEngine], alert_id: UUID) -> None:
    with pytest.raises(CrashError):
        await editing(alert_id, {"origin": THERE}, Crashing("alerts_api.edit_left"))(Shards(engines))
    with pytest.raises(UnknownAlertError):
        await AlertsStore(Shards(engines)).find(uuid4(), alert_id)


async def test_moves_that_have_only_begun_are_left_alone(engines: list[AsyncEngine], alert_id: UUID) -> None:
    with pytest.raises(CrashError):
        await editing(alert_id, {"origin": THERE}, Crashing("alerts_api.edit_left"))(Shards(engines))
    await finish_arrivals(Shards(engines), timedelta(hours=1))
    assert await rows(engines) == []
    assert len(await rows(engines, "arriving_alerts")) == len(await rows(engines, "departed_alerts")) == 1


@pytest.mark.parametrize("steps", range(STEPS_OF_A_MOVE + 1))
async def test_a_mover_may_die_after_any_transaction(engines: list[AsyncEngine], alert_id: UUID, steps: int) -> None:
    mover = Actor(engines, editing(alert_id, {"origin": THERE}))
    for _ in range(steps):
        await mover.step()
    await mover.kill()
    (after,) = await swept(engines)
    has_left = steps > 2
    assert (after["shard"], after["revision"]) == (int(has_left), int(has_left))


async def test_a_reader_may_settle_the_move_of_a_mover_that_is_only_slow(
    engines: list[AsyncEngine], shards: Shards
) -> None:
    """In every order of their transactions, after the mover's first and with the reader's two looks as one."""
    for order in every_order(STEPS_OF_A_MOVE - 1, 4):
        looks = order.index(1)
        await settled_while_moving(engines, shards, recovering, [0, *order[:looks], 1, *order[looks:]])


async def test_a_sweep_may_come_to_a_mover_that_is_only_slow(engines: list[AsyncEngine], shards: Shards) -> None:
    """In some of the very many orders of their transactions."""
    for order in some(25, every_order(STEPS_OF_A_MOVE - 1, 9)):
        await settled_while_moving(engines, shards, lambda _: sweeping, [0, *order])


async def settled_while_moving(
    engines: list[AsyncEngine], shards: Shards, recovery: Callable[[UUID], Work], order: Sequence[int]
) -> None:
    alert_id = (await AlertsStore(shards).add(USER, wish(), NOW)).id
    edited, _ = await interleaved(engines, [editing(alert_id, {"origin": THERE}), recovery(alert_id)], order)
    assert isinstance(edited, StoredAlert), (order, edited)
    assert edited.route == f"{THERE}-LON"
    assert [(row["shard"], row["revision"]) for row in await swept(engines)] == [(1, 1)], order
    await AlertsStore(shards).remove(USER, alert_id)


async def test_a_dead_mover_s_alert_may_be_recovered_by_several_at_once(
    engines: list[AsyncEngine], shards: Shards
) -> None:
    for steps in (2, 3, 4):
        for order in some(8, every_order(5, 5)):
            alert_id = (await AlertsStore(shards).add(USER, wish(), NOW)).id
            mover = Actor(engines, editing(alert_id, {"origin": THERE}))
            for _ in range(steps):
                await mover.step()
            await mover.kill()
            await interleaved(engines, [recovering(alert_id), recovering(alert_id)], order)
            assert [row["shard"] for row in await swept(engines)] == [int(steps > 2)], (steps, order)
            await AlertsStore(shards).remove(USER, alert_id)


async def test_a_deleted_alert_stays_so_whenever_it_was_moving(engines: list[AsyncEngine], shards: Shards) -> None:
    for order in every_order(STEPS_OF_A_MOVE, 2):
        alert_id = (await AlertsStore(shards).add(USER, wish(), NOW)).id
        edited, deleted = await interleaved(engines, [editing(alert_id, {"origin": THERE}), deleting(alert_id)], order)
        assert deleted is None
        assert isinstance(edited, StoredAlert | UnknownAlertError)
        assert await swept(engines) == [], order


async def test_an_alert_deleted_under_a_mover_that_dies_does_not_come_back(engines: list[AsyncEngine]) -> None:
    """The mover has read the alert before it is deleted, and writes it beside the new shard's after that."""
    alert_id = (await AlertsStore(Shards(engines)).add(USER, wish(), NOW)).id
    mover = Actor(engines, editing(alert_id, {"origin": THERE}))
    await mover.step()
    await AlertsStore(Shards(engines)).remove(USER, alert_id)
    await mover.step()
    await mover.kill()
    assert len(await rows(engines, "arriving_alerts")) == 1
    with pytest.raises(UnknownAlertError):
        await AlertsStore(Shards(engines)).find(USER, alert_id)
    assert await swept(engines) == []


@pytest.mark.parametrize("other", ["pause", "edit here"])
async def test_what_somebody_else_writes_meanwhile_is_kept(
    engines: list[AsyncEngine], shards: Shards, other: str
) -> None:
    for order in every_order(STEPS_OF_A_MOVE, 2):
        alert_id = (await AlertsStore(shards).add(USER, wish(), NOW)).id
        work = pausing(alert_id) if other == "pause" else editing(alert_id, {"max_stops": 1})
        await interleaved(engines, [editing(alert_id, {"origin": THERE}), work], order)
        (after,) = await swept(engines)
        assert (after["shard"], after["route"]) == (1, f"{THERE}-LON")
        assert after["state" if other == "pause" else "max_stops"] == ("paused" if other == "pause" else 1), order
        await AlertsStore(shards).remove(USER, alert_id)


async def test_of_two_edits_of_the_route_at_once_the_later_holds(shard_engines: list[AsyncEngine]) -> None:
    shards = Shards(shard_engines)
    origins = [origin_in(shard) for shard in (1, 2)]
    for _ in range(8):
        alert_id = (await AlertsStore(shards).add(USER, wish(), NOW)).id
        works = [editing(alert_id, {"origin": origin}) for origin in origins]
        edited = await asyncio.gather(*(work(shards) for work in works))
        await sweeping(shards)
        (after,) = await rows(shard_engines)
        assert after["revision"] == 2
        assert after["route"] in {stored.route for stored in edited if isinstance(stored, StoredAlert)}
        assert await rows(shard_engines, "arriving_alerts") == []
        await AlertsStore(shards).remove(USER, alert_id)


async def test_an_alert_may_move_back_and_forth(engines: list[AsyncEngine], shards: Shards, alert_id: UUID) -> None:
    for origin in (THERE, HERE, THERE, HERE):
        await editing(alert_id, {"origin": origin})(shards)
    assert [(row["shard"], row["revision"]) for row in await swept(engines)] == [(0, 4)]


async def test_a_target_arrives_at_the_rates_in_use_there(engines: list[AsyncEngine], alert_id: UUID) -> None:
    mover = Actor(engines, editing(alert_id, {"origin": THERE}))
    for _ in range(3):
        await mover.step()
    newer = RATES.date + timedelta(days=1)
    async with engines[1].begin() as connection:
        await connection.execute(
            insert(rates_table).values(date=newer, reference="EUR", factors={"EUR": [1, 1], "USD": [1, 2]})
        )
        await connection.execute(update(shard_state).values(rates_date=newer))
    await mover.end()
    (after,) = await swept(engines)
    assert (after["armed_price"], after["initial_price"], after["rates_date"]) == (6_000, 6_000, newer)


async def test_what_cannot_be_settled_now_is_left_for_the_next_sweep(
    engines: list[AsyncEngine], alert_id: UUID
) -> None:
    with pytest.raises(CrashError):
        await editing(alert_id, {"origin": THERE}, Crashing("alerts_api.edit_left"))(Shards(engines))
    nowhere = open_engine("postgresql://x:x@127.0.0.1:1/none", application="tests", pool_size=1)
    for half_away in ([engines[0], nowhere], [nowhere, engines[1]]):
        await sweeping(Shards(half_away))
        assert await rows(engines) == []
    assert [row["shard"] for row in await swept(engines)] == [1]


async def set_map(engines: Sequence[AsyncEngine], shard_map: ShardMap) -> None:
    for engine in engines:
        async with engine.begin() as connection:
            await connection.execute(
                update(shard_state).values(map_version=shard_map.version, shards=list(shard_map.shards))
            )


async def test_a_writer_with_an_old_map_goes_by_the_new_one(engines: list[AsyncEngine], shards: Shards) -> None:
    await shards.refresh()
    await set_map(engines, MAP.moved(bucket_of(f"{HERE}-LON"), 1))
    alert_id = (await AlertsStore(shards).add(USER, wish(), NOW)).id
    assert [row["shard"] for row in await rows(engines)] == [1]
    await editing(alert_id, {"cabin": "first"})(shards)
    assert [(row["shard"], row["cabin"]) for row in await rows(engines)] == [(1, 3)]


async def test_a_writer_waits_while_a_bucket_changes_hands(engines: list[AsyncEngine], shards: Shards) -> None:
    """The old shard has given it away, and the new one has yet to take it."""
    await shards.refresh()
    moved = MAP.moved(bucket_of(f"{HERE}-LON"), 1)
    await set_map(engines[:1], moved)
    with stamina.set_testing(True, attempts=2), pytest.raises(MapMovedError):
        await AlertsStore(shards).add(USER, wish(), NOW)
    adding = Actor(engines, lambda shards: AlertsStore(shards).add(USER, wish(), NOW))
    await adding.step()
    await set_map(engines[1:], moved)
    assert isinstance(await adding.end(), StoredAlert)
    assert [row["shard"] for row in await rows(engines)] == [1]


async def test_a_mover_whose_old_shard_gives_the_bucket_away_goes_on_from_the_new_one(
    shard_engines: list[AsyncEngine], alert_id: UUID
) -> None:
    mover = Actor(shard_engines, editing(alert_id, {"origin": THERE}))
    for _ in range(2):
        await mover.step()
    async with shard_engines[0].begin() as source, shard_engines[2].begin() as target:
        content = await source.scalar(text("DELETE FROM alerts RETURNING to_jsonb(alerts)::text"))
        await target.execute(
            text("INSERT INTO alerts SELECT * FROM jsonb_populate_record(NULL::alerts, CAST(:content AS jsonb))"),
            {"content": content},
        )
    await set_map(shard_engines, MAP.moved(bucket_of(f"{HERE}-LON"), 2))
    assert isinstance(await mover.end(), StoredAlert)
    await sweeping(Shards(shard_engines))
    assert [(row["shard"], row["revision"]) for row in await rows(shard_engines)] == [(1, 1)]
    assert await rows(shard_engines, "arriving_alerts") == []
