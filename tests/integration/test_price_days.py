"""The prices of each day, and what is typical of them, against plain words: a price stands until the next one."""

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from shared.alerts.filters import Filters
from shared.price_history.days import CARRIED_DAYS, DayPrices, Period, day_prices
from shared.price_history.percentiles import TypicalPrice
from shared.price_history.typical import Trip, typical_price, typical_prices
from shared.schema.shards import ONE_WAY
from shared.shards import Shards, ShardTransaction
from tests.integration.fares_on_sale import DAY, NOW
from tests.integration.past_prices import PastPrice, keep

TODAY = NOW.date()
WANTED = Filters(route="NYC-LON", departure_from=DAY, departure_to=DAY + timedelta(days=40))
LAST_90 = Period.until(TODAY, 90)


@pytest.fixture
async def shard(shard_urls: list[str]) -> AsyncIterator[ShardTransaction]:
    """A transaction on a shard that knows no prices before it."""
    shards = Shards.at(shard_urls[:1], application="tests", pool_size=2)
    async with shards.engines[0].begin() as connection:
        await connection.execute(text("DELETE FROM price_history"))
    async with shards.transaction(0, []) as transaction:
        yield transaction
    await shards.close()


async def put(shard_urls: list[str], *prices: PastPrice) -> None:
    await keep(shard_urls[:1], *prices)


def day(days_ago: int) -> date:
    return TODAY - timedelta(days=days_ago)


async def charted(
    shard: ShardTransaction, filters: Filters = WANTED, period: Period = LAST_90
) -> dict[int, tuple[int, int, int, int]]:
    """Low, high, last and changes by how many days ago; all in one currency."""
    rows = await day_prices(shard, filters, period)
    assert [row.day for row in rows] == sorted({row.day for row in rows})
    return {(TODAY - row.day).days: (row.low, row.high, row.last, row.changes) for row in rows}


async def test_a_price_stands_until_the_next_one(shard_urls: list[str], shard: ShardTransaction) -> None:
    """A day with new prices has its own; on the days after it the last of them stood."""
    prices = [
        PastPrice(300, 5, low=200, high=400, changes=7),
        PastPrice(250, 2, low=240, high=260, changes=2),
    ]
    await put(shard_urls, *prices)
    assert await charted(shard) == {
        5: (200, 400, 300, 7),
        4: (300, 300, 300, 0),
        3: (300, 300, 300, 0),
        2: (240, 260, 250, 2),
        1: (250, 250, 250, 0),
        0: (250, 250, 250, 0),
    }


async def test_a_price_that_nobody_has_moved_for_two_weeks_is_taken_for_gone(
    shard_urls: list[str], shard: ShardTransaction
) -> None:
    await put(shard_urls, PastPrice(300, 60), PastPrice(250, 20))
    known = sorted(await charted(shard), reverse=True)
    assert known == [*range(60, 60 - CARRIED_DAYS - 1, -1), *range(20, 20 - CARRIED_DAYS - 1, -1)]


async def test_what_stood_when_a_period_begins_counts_and_what_came_after_it_does_not(
    shard_urls: list[str], shard: ShardTransaction
) -> None:
    await put(shard_urls, PastPrice(300, 20), PastPrice(100, 8))
    assert await charted(shard, period=Period(day(12), day(9))) == dict.fromkeys((12, 11, 10, 9), (300, 300, 300, 0))


async def test_the_best_and_the_worst_of_all_that_is_wanted_count(
    shard_urls: list[str], shard: ShardTransaction
) -> None:
    await put(
        shard_urls,
        PastPrice(300, 1, low=290, high=310),
        PastPrice(500, 1, cabin=2),
        PastPrice(10, 1, back=DAY + timedelta(days=7)),
        PastPrice(10, 1, route="NYC-ROM"),
        PastPrice(10, 1, departure=DAY + timedelta(days=41)),
    )
    assert await charted(shard) == {1: (290, 500, 300, 2), 0: (300, 500, 300, 0)}


async def test_each_currency_has_prices_of_its_own(shard_urls: list[str], shard: ShardTransaction) -> None:
    await put(shard_urls, PastPrice(300, 1), PastPrice(400, 0, currency="USD"))
    assert await day_prices(shard, WANTED, LAST_90) == [
        DayPrices(day(1), "EUR", 300, 300, 300, 1),
        DayPrices(day(0), "EUR", 300, 300, 300, 0),
        DayPrices(day(0), "USD", 400, 400, 400, 1),
    ]


def invented(seed: int) -> list[PastPrice]:
    """Prices of some trips in two currencies, on some of the last 120 days."""
    chance = random.Random(seed)  # noqa: S311  # hides nothing
    trips = [(0, None, 0), (0, None, 2), (20, None, 0), (40, DAY + timedelta(days=47), 0)]
    quoted = [(*trip, currency) for trip in trips for currency in ("EUR", "USD")]
    return [
        PastPrice(
            last,
            days_ago,
            departure=DAY + timedelta(days=ahead),
            back=back,
            cabin=cabin,
            currency=currency,
            reference=last,
            low=chance.randint(50, last),
            high=chance.randint(last, 900),
        )
        for (ahead, back, cabin, currency) in quoted
        for days_ago in range(120)
        if chance.random() < 0.1
        for last in [chance.randint(100, 800)]
    ]


def best_of_days(prices: Iterable[PastPrice]) -> dict[date, int]:
    """The best price of each of the last 90 days, told as one would to a child: day for day, price for price."""
    by_quotation: defaultdict[tuple[object, ...], dict[int, PastPrice]] = defaultdict(dict)
    for price in prices:
        by_quotation[price.departure, price.back, price.cabin, price.currency][price.days_ago] = price
    best: dict[date, int] = {}
    for rows in by_quotation.values():
        for ago in range(90):
            newest = next((past for past in range(ago, ago + CARRIED_DAYS + 1) if past in rows), None)
            if newest is not None:
                row = rows[newest]
                stood = int(row.row["low"]) if newest == ago else row.price
                best[day(ago)] = min(stood, best.get(day(ago), stood))
    return best


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_typical_is_that_of_the_best_prices_of_all_days(
    shard_urls: list[str], shard: ShardTransaction, seed: int
) -> None:
    """Of a whole search, and of many trips at once, as SQL and plain Python work it out."""
    prices = invented(seed)
    await put(shard_urls, *prices)
    one_way = best_of_days(price for price in prices if price.back is None)
    assert await typical_price(shard, WANTED, LAST_90) == TypicalPrice.of(list(one_way.values()))

    trips = {Trip("NYC-LON", price.departure, price.back or ONE_WAY, price.cabin) for price in prices}
    unknown = Trip("NYC-ROM", DAY, ONE_WAY, 0)
    expected = {
        trip: TypicalPrice.of(list(best_of_days(price for price in prices if is_of(price, trip)).values()))
        for trip in trips
    }
    assert await typical_prices(shard, [unknown, *trips, Trip("NYC-LON", DAY, ONE_WAY, 3)], LAST_90) == expected


def is_of(price: PastPrice, trip: Trip) -> bool:
    return (price.departure, price.back or ONE_WAY, price.cabin) == trip[1:]


async def test_of_what_is_known_of_no_day_nothing_is_typical(shard_urls: list[str], shard: ShardTransaction) -> None:
    await put(shard_urls, PastPrice(300, 90 + CARRIED_DAYS))
    assert await typical_price(shard, WANTED, LAST_90) is None
    assert await typical_price(shard, replace(WANTED, cabin=1), LAST_90) is None
    assert await typical_prices(shard, [Trip("NYC-LON", DAY, ONE_WAY, 0)], LAST_90) == {}


async def test_what_is_typical_is_in_the_reference_currency_of_then(
    shard_urls: list[str], shard: ShardTransaction
) -> None:
    await put(shard_urls, PastPrice(40_000, 3, currency="JPY", reference=25_000, low=20_000))
    assert await typical_price(shard, WANTED, LAST_90) == TypicalPrice(12_500, 12_500, 25_000, 25_000, 4)
