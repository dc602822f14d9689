"""The history of a route, read for what somebody wants."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.alerts.filters import Filters
from shared.messages.codes import CABINS
from shared.messages.fare_key import Board, Fare
from shared.price_history.rows import last_prices, lowest_price
from tests.integration.fares_on_sale import DAY, NOW
from tests.integration.past_prices import PastPrice, keep

WANTED = Filters(route="NYC-LON", departure_from=DAY, departure_to=DAY + timedelta(days=6))
ROUND = replace(WANTED, round_trip=True, nights_max=30)
RETURN = DAY + timedelta(days=5)


@pytest.fixture
async def shard(shard_engines: list[AsyncEngine]) -> AsyncEngine:
    """A shard with nothing but its history."""
    async with shard_engines[0].begin() as connection:
        await connection.execute(text("DELETE FROM price_history"))
    return shard_engines[0]


async def put(shard_urls: list[str], *prices: PastPrice) -> None:
    await keep(shard_urls[:1], *prices)


async def read_last(shard: AsyncEngine, filters: Filters) -> set[PastPrice]:
    async with shard.connect() as connection:
        rows = (await connection.execute(last_prices(filters))).all()
    return {
        PastPrice(
            row.last,
            (NOW.date() - row.observed_on).days,
            row.route,
            row.departure_date,
            None if row.return_date == date(1970, 1, 1) else row.return_date,
            row.cabin,
            row.currency,
        )
        for row in rows
    }


@pytest.mark.parametrize(
    "filters",
    [
        WANTED,
        replace(WANTED, departure_to=DAY),
        replace(WANTED, cabin=0),
        replace(WANTED, cabin=2),
        *(replace(WANTED, weekdays=1 << bit) for bit in range(7)),
        ROUND,
        replace(ROUND, nights_max=0),
        replace(ROUND, nights_min=3, nights_max=7),
        replace(ROUND, nights_max=None, return_to=RETURN),
        replace(ROUND, return_from=RETURN),
        replace(ROUND, return_from=RETURN, return_to=RETURN, weekdays=0b1100101),
        replace(WANTED, route="NYC-PAR"),
    ],
)
async def test_the_history_knows_the_dates_and_cabins_that_a_wish_is_for(
    shard_urls: list[str], shard: AsyncEngine, filters: Filters
) -> None:
    """As the wish itself tells of each fare."""
    days = [DAY + timedelta(days=ahead) for ahead in range(-1, 8)]
    returns = [None, *days, RETURN + timedelta(days=30)]
    trips = [(out, back) for out, back in product(days, returns) if back is None or back >= out]
    prices = [
        PastPrice(100, 1, route, *trip, cabin)
        for route, trip, cabin in product(("NYC-LON", "NYC-MIL"), trips, range(4))
    ]
    await put(shard_urls, *prices)
    expected = {price for price in prices if wants(filters, price)}
    assert await read_last(shard, filters) == expected


def wants(filters: Filters, price: PastPrice) -> bool:
    airports = {"NYC-LON": ("JFK", "LHR"), "NYC-MIL": ("JFK", "MXP")}[price.route]
    fare = Fare("BA", "1", None, CABINS[price.cabin], 0, "EUR")
    return filters.want(Board(*airports, price.departure, price.back), fare)


async def test_the_newest_day_tells_the_last_price_of_each_currency(shard_urls: list[str], shard: AsyncEngine) -> None:
    newest = [
        PastPrice(300, 2),
        PastPrice(400, 9, currency="USD"),
        PastPrice(500, 3, departure=DAY + timedelta(days=1)),
    ]
    older = [PastPrice(100, 3), PastPrice(100, 200), PastPrice(100, 10, currency="USD")]
    await put(shard_urls, *newest, *older)
    assert await read_last(shard, WANTED) == set(newest)


async def test_the_lowest_price_ever_is_the_best_of_all_that_is_wanted(
    shard_urls: list[str], shard: AsyncEngine
) -> None:
    """Whatever its dates, cabin and currency, at the rates of then."""
    await put(
        shard_urls,
        PastPrice(300, 200),
        PastPrice(100, 2, currency="USD", reference=290),
        PastPrice(200, 2, cabin=1),
        PastPrice(10, 2, departure=DAY + timedelta(days=7)),
    )
    async with shard.connect() as connection:
        assert (await connection.execute(lowest_price(replace(WANTED, cabin=0)))).scalar_one() == 290
        assert (await connection.execute(lowest_price(replace(WANTED, cabin=3)))).scalar_one() is None
