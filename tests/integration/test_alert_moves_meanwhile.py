"""An alert that moves to another shard while others recover, delete or edit it: never active twice, no edit lost."""

import asyncio
import random
from collections.abc import Callable, Sequence
from itertools import combinations
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.alerts.stored import StoredAlert, UnknownAlertError
from shared.alerts.arrivals import finish_arrival
from shared.shards import Shards
from tests.integration.alerts_on_the_move import (
    NOW,
    STEPS_OF_A_MOVE,
    THERE,
    USER,
    editing,
    engines,
    origin_in,
    rows,
    shards,
    sweeping,
    swept,
    wish,
)
from tests.integration.stepped_shards import Actor, Work, interleaved

__all__ = ["engines", "shards"]


def recovering(alert_id: UUID) -> Work:
    """What a reader does who does not find the alert."""
    return lambda shards: finish_arrival(shards, alert_id)


def deleting(alert_id: UUID) -> Work:
    return lambda shards: AlertsStore(shards).remove(USER, alert_id)


def pausing(alert_id: UUID) -> Work:
    return lambda shards: AlertsStore(shards).pause(USER, alert_id)


def every_order(first: int, second: int) -> list[list[int]]:
    """All ways to take turns for two who take so many."""
    turns = range(first + second)
    return [[0 if turn in firsts else 1 for turn in turns] for firsts in combinations(turns, first)]


def some(count: int, orders: list[list[int]]) -> list[list[int]]:
    """A few of them, the same in every run."""
    return random.Random(3).sample(orders, count)  # noqa: S311  # repeatable, not secret


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
