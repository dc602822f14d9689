"""Changes as price workers publish them: those of a board together, falls and rises about half each."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa

from fleet.bench.booking_classes import LADDER, STEP_PERCENTAGES, STEPS, moved, rungs
from fleet.bench.market import DAYS_AHEAD, RETURN_LEVEL, Floats, Ints, Market, airports
from shared.conversion import ReferenceAmounts
from shared.messages.batches import MAX_ROWS
from shared.messages.changes import CHANGES
from shared.messages.codes import CABINS, currency_code
from shared.money import Rates

_CHANGES_A_BOARD: Final = 8
_ROUTES_A_BATCH: Final = 25  # a sweep yields the fares of a route together
_RETURN_SHARE: Final = 0.25
_STAYS: Final = (3, 7, 10, 14, 21)
_NEVER_SEEN_SHARE: Final = 0.03
_CARRIERS: Final = ("AA", "AF", "BA", "DL", "EK", "IB", "KL", "LH", "QF", "SQ", "TK", "UA", "VS")
_CABIN_SHARES: Final = (0.8, 0.05, 0.14, 0.01)
_CABIN_LEVELS: Final = np.array([1.0, 1.7, 3.3, 5.0])
_STOP_SHARES: Final = (0.7, 0.27, 0.03)


class Changes:
    """An endless supply of changes, the same ones for the same seed.

    Args:
        market: the routes and what is usually paid there.
        seed: another one gives others of the same kind.
        rates: that the shards use.
        now: when all are observed.
    """

    def __init__(self, market: Market, seed: int, rates: Rates, now: datetime) -> None:
        self._market, self._seed, self._now = market, seed, now
        self._amounts = ReferenceAmounts(rates)
        currencies = [route.origin.currency for route in market.routes]
        self._currency = np.array([currency_code(currency) for currency in currencies])
        factors = [rates.factors[currency] for currency in currencies]
        self._factor = np.array([numerator / denominator for numerator, denominator in factors])

    def batches(self, count: int) -> Iterator[pa.RecordBatch]:
        """So many changes in batches of the changes' contract."""
        for number, start in enumerate(range(0, count, MAX_ROWS)):
            yield self._batch(min(MAX_ROWS, count - start), np.random.default_rng((self._seed, number)))

    def _batch(self, count: int, random: np.random.Generator) -> pa.RecordBatch:
        boards = -(-count // _CHANGES_A_BOARD)
        board = np.sort(random.integers(boards, size=count))
        route = random.choice(self._market.choose(_ROUTES_A_BATCH, random), boards)
        stay = np.where(random.random(boards) < _RETURN_SHARE, random.choice(_STAYS, boards), 0)
        columns = self._board_columns(route, stay, random)
        values = {name: column.take(pa.array(board)) for name, column in columns.items()}
        level = self._market.usual[route] * np.where(stay, RETURN_LEVEL, 1) * np.exp(random.normal(0, 0.15, boards))
        values |= self._fare_columns(level[board], route[board], random)
        return pa.record_batch([values[name] for name in CHANGES.schema.names], schema=CHANGES.schema)

    def _board_columns(self, route: Ints, stay: Ints, random: np.random.Generator) -> dict[str, pa.Array]:
        routes = [self._market.routes[position] for position in route]
        departure = np.datetime64(self._now.date(), "D") + random.integers(1, DAYS_AHEAD + 1, len(route))
        return {
            "origin": pa.array(airports([route.origin for route in routes], random)),
            "destination": pa.array(airports([route.destination for route in routes], random)),
            "departure_date": pa.array(departure),
            "return_date": pa.array(departure + stay, mask=stay == 0),
            "currency": pa.array([route.origin.currency for route in routes]),
        }

    def _fare_columns(self, level: Floats, route: Ints, random: np.random.Generator) -> dict[str, pa.Array]:
        count = len(level)
        cabin = random.choice(len(CABINS), count, p=_CABIN_SHARES)
        level = level * _CABIN_LEVELS[cabin] * np.exp(random.normal(0, 0.12, count)) / self._factor[route]
        before = rungs(random.normal(size=count))
        after = moved(before, random.choice(STEPS, count, p=STEP_PERCENTAGES / STEP_PERCENTAGES.sum()))
        price, previous = (np.rint(level * LADDER[rung]).astype(np.int64) for rung in (after, before))
        never_seen = random.random(count) < _NEVER_SEEN_SHARE
        currency = self._currency[route]
        numbers = pa.array([str(number) for number in range(1_000)])
        return {
            "carrier": pa.array(_CARRIERS).take(pa.array(random.integers(len(_CARRIERS), size=count))),
            "flight_number": numbers.take(pa.array(random.integers(1, 1_000, count))),
            "departure_time": pa.array(random.integers(24 * 12, size=count) * 300, pa.int32()).cast(pa.time32("s")),
            "cabin": pa.array(CABINS).take(pa.array(cabin)),
            "stops": pa.array(random.choice(len(_STOP_SHARES), count, p=_STOP_SHARES), pa.uint8()),
            "price": pa.array(price),
            "observed_at": pa.repeat(pa.scalar(self._now, pa.timestamp("ms", "UTC")), count),
            "source": pa.repeat("bench", count),
            "reference_price": pa.array(self._amounts.of(price, currency)),
            "previous_price": pa.array(previous, mask=never_seen),
            "previous_reference_price": pa.array(self._amounts.of(previous, currency), mask=never_seen),
        }
