"""Price history put into the shards past its own worker."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import insert

from shared.databases import open_engine
from shared.schema.shards import ONE_WAY, price_history
from shared.shard_map import ShardMap
from tests.integration.fares_on_sale import DAY, NOW


class PastPrice(NamedTuple):
    """What a route cost so many days ago; `reference` is in euro cents."""

    price: int
    days_ago: int = 1
    route: str = "NYC-LON"
    departure: date = DAY
    back: date | None = None
    cabin: int = 0
    currency: str = "EUR"
    reference: int | None = None

    @property
    def row(self) -> dict[str, Any]:
        reference = self.price if self.reference is None else self.reference
        seen = NOW - timedelta(days=self.days_ago)
        return {
            "route": self.route,
            "departure_date": self.departure,
            "return_date": self.back or ONE_WAY,
            "cabin": self.cabin,
            "currency": self.currency,
            "observed_on": seen.date(),
            "low": self.price,
            "high": self.price,
            "last": self.price,
            "low_reference": reference,
            "last_reference": reference,
            "last_observed_at": seen,
            "changes": 1,
        }


async def keep(shard_urls: Sequence[str], *prices: PastPrice) -> None:
    """Put prices into the shards that hold their routes by the first map."""
    first_map = ShardMap.even(len(shard_urls))
    for number, url in enumerate(shard_urls):
        rows = [price.row for price in prices if first_map.shard_of(price.route) == number]
        if rows:
            await _insert(url, rows)


async def _insert(url: str, rows: list[dict[str, Any]]) -> None:
    engine = open_engine(url, application="tests", pool_size=1)
    try:
        async with engine.begin() as connection:
            await connection.execute(insert(price_history), rows)
    finally:
        await engine.dispose()
