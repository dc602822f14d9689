"""What routes have cost, as the shards keep it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from services.alerts_api.alerts.writes import persistent
from services.alerts_api.fares.ranking import Found
from shared.alerts.filters import Filters
from shared.messages.codes import CABINS, currency_code
from shared.price_history.days import DayPrices, Period, day_prices
from shared.price_history.rows import last_prices
from shared.schema.shards import ONE_WAY
from shared.shard_map import bucket_of
from shared.shards import Shards, ShardTransaction

_EPOCH: Final = date(1970, 1, 1)
_MINUTES_A_DAY: Final = 24 * 60

Ints = npt.NDArray[np.int64]
Row = Any  # of `price_history`


class HistoryReader:
    """Reads the history of routes from the shards that hold them."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    @persistent
    async def last_prices(self, filters: Filters) -> Found:
        """The last price of each pair of dates, cabin and currency that is wanted.

        Raises:
            UnavailableError: the shard is away.
            MapMovedError: the route's bucket is being moved all the time.
        """
        async with self._transaction(filters.route) as transaction:
            return found((await transaction.connection.execute(last_prices(filters))).all())

    @persistent
    async def day_prices(self, filters: Filters, period: Period) -> list[DayPrices]:
        """What all that is wanted cost on each of these days, by day and currency; raises as above."""
        async with self._transaction(filters.route) as transaction:
            return await day_prices(transaction, filters, period)

    @asynccontextmanager
    async def _transaction(self, route: str) -> AsyncIterator[ShardTransaction]:
        bucket = bucket_of(route)
        shard = (await self._shards.current_map()).shards[bucket]
        async with self._shards.transaction(shard, [bucket]) as transaction:
            yield transaction


def found(rows: Sequence[Row]) -> Found:
    """Rows of the history, to be put in order; what has the same dates and cabin counts as one flight."""
    flights = [(row.departure_date, row.return_date, row.cabin) for row in rows]
    number_of = {flight: number for number, flight in enumerate(dict.fromkeys(flights))}
    return Found(
        flight=_ints(number_of[flight] for flight in flights),
        departure=_ints((row.departure_date - _EPOCH).days * _MINUTES_A_DAY for row in rows),
        observed_at=_ints(int(row.last_observed_at.timestamp() * 1000) for row in rows),
        price=_ints(row.last for row in rows),
        currency=_ints(currency_code(row.currency) for row in rows),
        describe=lambda at: _describe(rows[at]),
    )


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)


def _describe(row: Row) -> dict[str, Any]:
    origin, destination = row.route.split("-")
    return {
        "origin": origin,
        "destination": destination,
        "departure_date": row.departure_date,
        "return_date": None if row.return_date == ONE_WAY else row.return_date,
        "carrier": None,
        "flight_number": None,
        "departure_time": None,
        "cabin": CABINS[row.cabin],
        "stops": None,
    }
