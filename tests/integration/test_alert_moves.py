"""An alert whose edit takes it to another shard is never lost, wherever its mover dies."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.alerts.stored import UnknownAlertError
from shared.alerts.arrivals import finish_arrivals
from shared.databases import open_engine
from shared.schema.shards import rates as rates_table
from shared.schema.shards import shard_state
from shared.shards import Shards
from tests.development_rates import RATES
from tests.integration.alerts_on_the_move import (
    HERE,
    STEPS_OF_A_MOVE,
    THERE,
    USER,
    alert_id,
    editing,
    engines,
    rows,
    shards,
    sweeping,
    swept,
)
from tests.integration.crashing import CrashError, Crashing
from tests.integration.stepped_shards import Actor

__all__ = ["alert_id", "engines", "shards"]


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
