"""A sweep of all sources, invented batch by batch: any number of fares takes the memory of one batch.

Every board of a route sells the same offers on another date, as flights go every day. What a fare costs in a cycle is
a function of its number, the cycle and the seed, so that nothing is kept, and what must have changed can be counted.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fleet.bench.booking_classes import LADDER, STEP_PERCENTAGES, STEPS, moved, rungs
from fleet.bench.chance import Chance
from fleet.bench.market import DAYS_AHEAD, RETURN_LEVEL, Market
from shared.errors import ConfigurationError
from shared.messages.batches import MAX_ROWS
from shared.messages.codes import CABINS
from shared.messages.fares import FARES_SCHEMA
from shared.money import Rates

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_STAYS: Final = np.array([0, 7, 14, 3, 10, 21])  # none is one way
_CARRIERS: Final = ("AA", "AF", "BA", "DL", "EK", "IB", "KL", "LH", "QF", "SQ", "TK", "UA", "VS")
_CABIN_SHARES: Final = (0.8, 0.05, 0.14, 0.01)
_CABIN_LEVELS: Final = np.array([1.0, 1.7, 3.3, 5.0])
_STOP_SHARES: Final = (0.7, 0.27, 0.03)
_BOARD_SPREAD: Final = 0.15
_OFFER_SPREAD: Final = 0.12
MAX_PER_BOARD: Final = 300  # as many flight numbers
_FLIGHT_NUMBERS: Final = pa.array([str(flight) for flight in range(1, MAX_PER_BOARD + 1)])
_GOLDEN_SECTION: Final = (5**0.5 - 1) / 2  # the number that fractions come least near to
# So the least of all prices, in whatever currency, is more on every rung than on the one below.
_LEAST_LEVEL: Final = 100.0
_OFFERS, _BOARDS, _RUNGS, _MOVES, _STEPS = range(5)


class Sweep:
    """Fares whose prices move from cycle to cycle, the same ones for the same seed.

    Args:
        market: the routes, and what is usually paid there.
        fares: how many there are in a cycle.
        per_board: fares of one route and date.
        rates: what prices in other currencies go by.
        seed: another one gives others of the same kind.
        today: departures begin the day after.
        changed: the share of fares whose price differs from the cycle before.
        shuffled: every batch has fares of all routes and dates, in no order.

    Raises:
        ConfigurationError: the market is too small for so many boards, or a board would have more offers than flights.
    """

    def __init__(
        self,
        market: Market,
        fares: int,
        per_board: int,
        rates: Rates,
        seed: int,
        today: date,
        changed: float = 0.2,
        *,
        shuffled: bool = False,
    ) -> None:
        if per_board > MAX_PER_BOARD:
            raise ConfigurationError(f"at most {MAX_PER_BOARD} fares fit a board")
        self.fares = fares
        self._per_board, self._seed, self._changed = per_board, seed, changed
        self._routes = len(market.routes)
        self._tables = _Tables(market, per_board, rates, seed)
        self._today = np.datetime64(today, "D")
        self._trips = -(-fares // (per_board * self._routes))
        self._stride = _stride(fares) if shuffled else 1
        if self._trips > DAYS_AHEAD * len(_STAYS):
            raise ConfigurationError(
                f"{fares} fares at {per_board} a board are more trips than {self._routes} routes have: "
                "take fewer fares, or more on a board"
            )

    def batches(self, cycle: int, observed_at: datetime) -> Iterator[pa.RecordBatch]:
        """All fares of a cycle, counted from 0, in batches of the fares' contract, texts dictionary-encoded."""
        for start in range(0, self.fares, MAX_ROWS):
            yield self.batch(start, cycle, observed_at)

    def batch(self, start: int, cycle: int, observed_at: datetime) -> pa.RecordBatch:
        """Up to `MAX_ROWS` fares of a cycle, from the one with this number on."""
        count = min(MAX_ROWS, self.fares - start)
        numbers = np.arange(start, start + count) * self._stride % self.fares
        values = self._columns(numbers, cycle)
        values["observed_at"] = pa.repeat(pa.scalar(observed_at, pa.timestamp("ms", "UTC")), count)
        values["source"] = _coded(np.zeros(count, dtype=np.int8), ["bench"])
        return pa.RecordBatch.from_pydict({name: values[name] for name in FARES_SCHEMA.names})

    def expected_changes(self, cycle: int) -> int:
        """How many prices differ from those of the cycle before, which is not the first."""
        starts = range(0, self.fares, MAX_ROWS)
        return sum(int(self._moves(np.arange(i, min(i + MAX_ROWS, self.fares)), cycle).sum()) for i in starts)

    def _columns(self, numbers: Ints, cycle: int) -> dict[str, pa.Array]:
        board, offer = np.divmod(numbers, self._per_board)
        route, trip = np.divmod(board, self._trips)
        tables = self._tables
        pair, stay = _pair_and_stay(trip // DAYS_AHEAD, tables.pairs[route])
        departure = self._today + self._days(trip)
        of_offer = route * self._per_board + offer
        price = tables.level[of_offer] * self._board_level(board, stay) * LADDER[self._rungs(numbers, cycle)]
        airports = tables.first_pair[route] + pair
        return {
            "origin": _coded(tables.origin[airports], tables.airports),
            "destination": _coded(tables.destination[airports], tables.airports),
            "departure_date": pa.array(departure),
            "return_date": pa.array(departure + stay, mask=stay == 0),
            "carrier": _coded(tables.carrier[of_offer], _CARRIERS),
            "flight_number": _coded(tables.flight[of_offer], _FLIGHT_NUMBERS),
            "departure_time": pa.array(tables.second[of_offer]).cast(pa.time32("s")),
            "cabin": _coded(tables.cabin[of_offer], CABINS),
            "stops": pa.array(tables.stops[of_offer]),
            "currency": _coded(tables.currency[route], tables.currencies),
            "price": pa.array(np.rint(price).astype(np.int64)),
        }

    def _days(self, trip: Ints) -> Ints:
        """Days ahead: however few trips there are, they are spread over all days."""
        a_layer = min(self._trips, DAYS_AHEAD)
        days: Ints = 1 + trip % DAYS_AHEAD * DAYS_AHEAD // a_layer
        return days

    def _board_level(self, board: Ints, stay: Ints) -> Floats:
        noise = np.exp(_BOARD_SPREAD * Chance(self._seed, _BOARDS).normal(board))
        return noise * np.where(stay, RETURN_LEVEL, 1)

    def _rungs(self, numbers: Ints, cycle: int) -> Ints:
        on = rungs(Chance(self._seed, _RUNGS).normal(numbers))
        for number in range(1, cycle + 1):
            steps = Chance(self._seed, _STEPS, number).choice(STEPS, STEP_PERCENTAGES, numbers)
            on = np.where(self._moves(numbers, number), moved(on, steps), on)
        return on

    def _moves(self, numbers: Ints, cycle: int) -> Bools:
        moves: Bools = Chance(self._seed, _MOVES, cycle).uniform(numbers) < self._changed
        return moves


class _Tables:
    """What is fixed: the airports of each route, and its offers; those of route r begin at r x `per_board`."""

    def __init__(self, market: Market, per_board: int, rates: Rates, seed: int) -> None:
        offers = np.arange(len(market.routes) * per_board)
        random = np.random.default_rng((seed, _OFFERS))
        self.flight = np.concatenate([random.permutation(MAX_PER_BOARD)[:per_board] for _ in market.routes]).astype(
            np.int16
        )
        self.carrier = random.integers(len(_CARRIERS), size=len(offers), dtype=np.int8)
        self.cabin = random.choice(len(CABINS), len(offers), p=_CABIN_SHARES).astype(np.int8)
        self.stops = random.choice(len(_STOP_SHARES), len(offers), p=_STOP_SHARES).astype(np.uint8)
        self.second = random.integers(24 * 12, size=len(offers), dtype=np.int32) * 300
        self._note_routes(market)
        factors = np.array([float(np.divide(*rates.factors[currency])) for currency in self.currencies])
        level = market.usual / factors[self.currency]
        spread = np.exp(_OFFER_SPREAD * random.normal(size=len(offers)))
        self.level: Floats = np.maximum(np.repeat(level, per_board) * _CABIN_LEVELS[self.cabin] * spread, _LEAST_LEVEL)

    def _note_routes(self, market: Market) -> None:
        self.airports = sorted({airport for route in market.routes for city in route for airport in city.airports})
        self.currencies = sorted({route.origin.currency for route in market.routes})
        pairs = [
            [(start, end) for start in route.origin.airports for end in route.destination.airports]
            for route in market.routes
        ]
        positions = {airport: position for position, airport in enumerate(self.airports)}
        ends = [[positions[airport] for airport in pair] for of_route in pairs for pair in of_route]
        self.origin, self.destination = np.array(ends, dtype=np.int16).T.copy()
        self.pairs = np.array([len(of_route) for of_route in pairs])
        self.first_pair = np.cumsum(self.pairs) - self.pairs
        self.currency = np.array([self.currencies.index(route.origin.currency) for route in market.routes], np.int8)


def _pair_and_stay(layer: Ints, pairs: Ints) -> tuple[Ints, Ints]:
    """Which pair of airports, and for how long: one way between all airports comes first, then the returns."""
    stay, pair = np.divmod(layer, pairs)
    return pair, _STAYS[stay]


def _stride(count: int) -> int:
    """A step with which all of so many numbers are met, and any number of steps is spread evenly over them."""
    stride = round(count * _GOLDEN_SECTION)
    while np.gcd(stride, count) != 1:
        stride += 1
    return stride


def _coded(codes: npt.NDArray[np.signedinteger], texts: object) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(texts))
