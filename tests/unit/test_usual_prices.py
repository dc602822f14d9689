"""The notifier asks each shard once for the trips of a batch, and leaves alone one that does not answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import msgspec
import pytest

from services.notifier import usual_prices
from services.notifier.rendering.perspective import Lowest
from services.notifier.usual_prices import UsualPrices
from shared.conversion import ReferenceAmounts
from shared.errors import MapMovedError, UnavailableError
from shared.messages.notifications import Notification
from shared.money import Rates
from shared.price_history.days import Period
from shared.price_history.percentiles import TypicalPrice
from shared.price_history.typical import Trip
from shared.schema.shards import ONE_WAY
from shared.shard_map import ShardMap
from shared.shards import RatesInUse, Shards, ShardTransaction
from tests.unit.notices import DEPARTURE, expiry, firing

NOW = datetime(2026, 10, 1, 23, 59, tzinfo=UTC)
RATES = Rates(date(2026, 9, 30), "EUR", {"EUR": (1, 1)})
IN_USE = RatesInUse(RATES, ReferenceAmounts(RATES))
TRIP = Trip("BCN-BUD", DEPARTURE, ONE_WAY, 0)
ALWAYS_DEARER = TypicalPrice(10_000, 10_000, 10_000, 10_000, 90)

Answer = Callable[[Sequence[Trip], Period], Awaitable[dict[Trip, TypicalPrice]]]


class HistoryOfTwoShards(Shards):
    """Two shards that answer as a test wants; what they are asked is remembered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> None:
        super().__init__([cast("Any", None)] * 2)
        self.map = ShardMap.even(2)
        self.asked: list[tuple[int, Sequence[Trip], Period]] = []
        self._answers = answers or (all_dearer, all_dearer)
        monkeypatch.setattr(usual_prices, "typical_prices", self._answer)

    @asynccontextmanager
    async def transaction(self, shard: int, buckets: Collection[int]) -> AsyncIterator[ShardTransaction]:
        assert self.map.holds(shard, buckets)
        yield ShardTransaction(cast("Any", shard), cast("Any", None), IN_USE, cast("Any", None), 1)

    async def _answer(
        self, transaction: ShardTransaction, trips: Sequence[Trip], period: Period
    ) -> dict[Trip, TypicalPrice]:
        shard = cast("int", transaction.connection)
        self.asked.append((shard, trips, period))
        return await self._answers[shard](trips, period)

    def usual_prices(self) -> UsualPrices:
        return UsualPrices(self, lambda: NOW)


async def all_dearer(trips: Sequence[Trip], _: Period) -> dict[Trip, TypicalPrice]:
    return dict.fromkeys(trips, ALWAYS_DEARER)


def failing(error: Exception) -> Answer:
    async def fail(_: Sequence[Trip], __: Period) -> dict[Trip, TypicalPrice]:
        raise error

    return fail


async def never(_: Sequence[Trip], __: Period) -> dict[Trip, TypicalPrice]:
    await asyncio.Event().wait()
    raise AssertionError


def on(route: str, number: int = 1) -> Notification:
    return msgspec.structs.replace(firing(number), route=route)


async def test_firings_of_one_trip_are_asked_for_once_and_all_put_into_perspective(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last of the 90 days is that of the clock, in UTC."""
    shards = HistoryOfTwoShards(monkeypatch)
    firings = [firing(number) for number in range(1, 4)]
    seen = await shards.usual_prices().perspectives([*firings, expiry(9)])
    assert seen == dict.fromkeys((one.id for one in firings), Lowest(90))
    ((_, trips, period),) = shards.asked
    assert trips == [TRIP]
    assert period == Period(NOW.date() - timedelta(days=89), NOW.date())


async def test_each_shard_is_asked_for_its_own_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    shards = HistoryOfTwoShards(monkeypatch)
    here, there = routes_apart(shards.map)
    await shards.usual_prices().perspectives([on(here, 1), on(there, 2), on(here, 3)])
    assert [(shard, [trip.route for trip in trips]) for shard, trips, _ in shards.asked] == [(0, [here]), (1, [there])]


def routes_apart(shard_map: ShardMap) -> tuple[str, str]:
    """A route of the first shard, and one of the second."""
    routes = {shard_map.shard_of(route): route for route in ("NYC-LON", "NYC-PAR", "BCN-BUD", "ROM-MAD", "BER-VIE")}
    return routes[0], routes[1]


@pytest.mark.parametrize("answer", [never, failing(UnavailableError("shard0"))], ids=["silent", "away"])
async def test_a_shard_that_gives_no_answer_is_soon_asked_no_more_and_the_other_is(
    monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    monkeypatch.setattr(usual_prices, "_PATIENCE_S", 0.01)
    shards = HistoryOfTwoShards(monkeypatch, answer, all_dearer)
    here, there = routes_apart(shards.map)
    reader, other = shards.usual_prices(), on(there, 2)
    for _ in range(5):
        assert await reader.perspectives([on(here), other]) == {other.id: Lowest(90)}
    assert [shard for shard, _, _ in shards.asked].count(0) == 3
    assert [shard for shard, _, _ in shards.asked].count(1) == 5


async def test_a_shard_that_no_longer_has_a_route_is_not_to_blame(monkeypatch: pytest.MonkeyPatch) -> None:
    shards = HistoryOfTwoShards(monkeypatch, failing(MapMovedError("shard0")), all_dearer)
    here, _ = routes_apart(shards.map)
    reader = shards.usual_prices()
    for _ in range(5):
        assert await reader.perspectives([on(here)]) == {}
    assert len(shards.asked) == 5


async def test_a_shard_that_only_the_map_knows_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    shards = HistoryOfTwoShards(monkeypatch)
    shards.map = ShardMap(2, (7,) * len(shards.map.shards))
    assert await shards.usual_prices().perspectives([firing()]) == {}
    assert shards.asked == []
