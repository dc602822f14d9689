"""A fare that changes while an alert is being written is neither missed nor told twice, in whatever order it comes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.alerts.rules import UNSET
from shared.deliveries import Done, Settlement
from shared.fakes import FakeBroker
from shared.fare_boards.layout import Boards
from shared.fare_boards.store import BoardStore, Write
from shared.messages.fares import FARES
from tests.integration.alert_rows import (
    DAY,
    NOW,
    Document,
    Stage,
    alert_row,
    batch,
    fare,
    published_changes,
    store_alerts,
)

# Each step of the one comes before the other: the once more is so late that the board is written by then.
BEFORE = [
    ("publish", "match"),
    ("publish", "write"),
    ("commit", "evaluate"),
    ("evaluate", "once more"),
    ("write", "once more"),
]


STEPS = sorted({step for pair in BEFORE for step in pair})
ORDERS = [
    order for order in permutations(STEPS) if all(order.index(first) < order.index(second) for first, second in BEFORE)
]


class HeldBoards(BoardStore):
    """Boards that are written only when a test lets them."""

    def __init__(self, boards: BoardStore) -> None:  # no connection of its own
        self._boards = boards
        self.reached = asyncio.Event()
        self.may_write = asyncio.Event()

    async def read(self, keys: Sequence[str]) -> Boards:
        return await self._boards.read(keys)

    async def write(self, writes: Sequence[Write]) -> list[int]:
        self.reached.set()
        await self.may_write.wait()
        return await self._boards.write(writes)


class Play:
    """One fare and one alert, each for a day of its own, and the steps that lead both through the system."""

    def __init__(self, stage: Stage, day: date, row: Document, seen: Document) -> None:
        self.stage = stage
        self.row = row | {"departure_from": day, "departure_to": day}
        self.seen = seen | {"departure_date": day}
        self.alert: UUID = row["id"]
        self.boards = HeldBoards(stage.boards)
        self.published = FakeBroker()
        self.steps: dict[str, Callable[[], Awaitable[Any]]] = {
            "publish": self.publish,
            "match": self.match,
            "write": self.write,
            "commit": lambda: store_alerts(stage.engines, self.row),
            "evaluate": lambda: stage.evaluate_alert(self.alert),
            "once more": stage.once_more,
        }

    async def publish(self) -> None:
        handling = self.stage.price_worker(self.published, self.boards)([batch(FARES, self.seen)])
        self.working: asyncio.Task[Sequence[Settlement]] = asyncio.ensure_future(handling)
        await self.boards.reached.wait()

    async def match(self) -> None:
        assert await self.stage.match(*published_changes(self.published)) == Done()

    async def write(self) -> None:
        self.boards.may_write.set()
        assert await self.working == [Done()]

    async def told(self, order: Sequence[str]) -> list[int]:
        """What the alert's user is told in the end, when all has had its time."""
        for step in order:
            await self.steps[step]()
        for _ in range(3):
            await self.stage.once_more()
        return self.stage.prices_told


async def play(stage: Stage, number: int, row: Document, price: int, order: Sequence[str], *before: int) -> list[int]:
    """Play one order, with a fare that has cost so much before."""
    day = DAY + timedelta(days=number)
    for price_before in before:
        await stage.see(fare(price_before, departure_date=day, observed_at=NOW - timedelta(hours=1)))
    told = await Play(stage, day, row, fare(price)).told(order)
    async with stage.engines[stage.shards.map.shard_of(row["route"])].begin() as connection:
        await connection.exec_driver_sql("DELETE FROM alerts")
    return told


def stages(engines: list[AsyncEngine], boards: BoardStore) -> Iterator[tuple[int, tuple[str, ...], Stage]]:
    """A stage for each order, with a number that makes its day."""
    for number, order in enumerate(ORDERS):
        yield number, order, Stage(engines, boards)


def test_there_are_as_many_orders_as_the_steps_allow() -> None:
    assert len(STEPS) == 6
    assert len(ORDERS) == 26


@pytest.mark.parametrize("rearm", ["recovery", "once"])
@pytest.mark.parametrize("before", [(), (20_000,)])
async def test_a_fare_that_falls_below_a_target_is_told_once_in_every_order(
    shard_engines: list[AsyncEngine], boards: BoardStore, before: tuple[int, ...], rearm: str
) -> None:
    for number, order, stage in stages(shard_engines, boards):
        told = await play(stage, number, alert_row(10_000, rearm=rearm), 9_000, order, *before)
        assert told == [9_000], f"after {order}"


@pytest.mark.parametrize(("rule", "percent"), [("drop", 10), ("new_low", None)])
async def test_a_first_fare_is_learnt_and_told_to_nobody_in_every_order(
    shard_engines: list[AsyncEngine], boards: BoardStore, rule: str, percent: int | None
) -> None:
    for number, order, stage in stages(shard_engines, boards):
        assert await play(stage, number, alert_row(UNSET, rule=rule, percent=percent), 9_000, order) == [], order


@pytest.mark.parametrize(("rule", "percent"), [("drop", 10), ("new_low", None)])
async def test_a_fall_is_the_baseline_or_told_of_once_in_every_order(
    shard_engines: list[AsyncEngine], boards: BoardStore, rule: str, percent: int | None
) -> None:
    """It is the baseline if the alert's first look at the boards finds it there, and neither is ever missed."""
    for number, order, stage in stages(shard_engines, boards):
        row = alert_row(UNSET, rule=rule, percent=percent)
        learnt_before = order.index("evaluate") < order.index("write")
        assert await play(stage, number, row, 8_000, order, 10_000) == [8_000] * learnt_before, order


@pytest.mark.parametrize(("rule", "percent"), [("drop", 10), ("new_low", None)])
async def test_what_was_learnt_in_any_order_is_what_later_falls_are_measured_by(
    shard_engines: list[AsyncEngine], boards: BoardStore, rule: str, percent: int | None
) -> None:
    for number, order, stage in stages(shard_engines, boards):
        day = DAY + timedelta(days=number)
        row = alert_row(UNSET, rule=rule, percent=percent)
        assert await Play(stage, day, row, fare(10_000)).told(order) == []
        await stage.see_and_match(fare(9_801, departure_date=day, observed_at=stage.now))
        await stage.see_and_match(fare(8_900, departure_date=day, observed_at=stage.now + timedelta(seconds=1)))
        assert stage.prices_told == [8_900], f"after {order}"
