"""Price history put into the shards past its own worker."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest
from sqlalchemy import insert

from shared.databases import open_engine
from shared.schema.shards import ONE_WAY, price_history
from shared.shard_map import ShardMap
from tests.integration.fares_on_sale import DAY, NOW
from tests.integration.running_api import RunningApi, Traveller, running_api, settings_over
from tests.private_servers import Servers


class PastPrice(NamedTuple):
    """What a route last cost on a day so many days ago, and had cost; `reference` is in euro cents."""

    price: int
    days_ago: int = 1
    route: str = "NYC-LON"
    departure: date = DAY
    back: date | None = None
    cabin: int = 0
    currency: str = "EUR"
    reference: int | None = None
    low: int | None = None
    high: int | None = None
    changes: int = 1

    @property
    def row(self) -> dict[str, Any]:
        reference = self.price if self.reference is None else self.reference
        low, high = self.low or self.price, self.high or self.price
        seen = NOW - timedelta(days=self.days_ago)
        return {
            "route": self.route,
            "departure_date": self.departure,
            "return_date": self.back or ONE_WAY,
            "cabin": self.cabin,
            "currency": self.currency,
            "observed_on": seen.date(),
            "low": low,
            "high": high,
            "last": self.price,
            "low_reference": reference * low // self.price,
            "last_reference": reference,
            "last_observed_at": seen,
            "changes": self.changes,
        }


async def keep(shard_urls: Sequence[str], *prices: PastPrice) -> None:
    """Put prices into the shards that hold their routes by the first map."""
    first_map = ShardMap.even(len(shard_urls))
    for number, url in enumerate(shard_urls):
        here = [price for price in prices if first_map.shard_of(price.route) == number]
        if here:
            await keep_on(url, *here)


async def keep_on(url: str, *prices: PastPrice) -> None:
    """Put prices into one shard."""
    engine = open_engine(url, application="tests", pool_size=1)
    try:
        async with engine.begin() as connection:
            await connection.execute(insert(price_history), [price.row for price in prices])
    finally:
        await engine.dispose()


@pytest.fixture(scope="module")
def api(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[RunningApi]:
    """An API over the history that the test's module has as its `PAST`."""
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api")), lambda: NOW) as api:
        asyncio.run(keep(api.settings.shards, *request.module.PAST))
        yield api


@pytest.fixture(scope="module")
def traveller(api: RunningApi) -> Traveller:
    return api.traveller()
