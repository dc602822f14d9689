"""Millions of plausible alerts, copied straight into the shards: each has an armed price, none has fired yet."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import date
from typing import Final

import asyncpg
import numpy as np
import pyarrow as pa

from fleet.bench.market import DAYS_AHEAD, RETURN_LEVEL, Bools, Ints, Market, airports
from fleet.bench.synthetic_travellers import Travellers, copy, uuids
from shared.errors import ConfigurationError
from shared.shard_map import ShardMap

_AT_ONCE: Final = 50_000

# The shortest and longest departure windows, in days, and how many alerts have such a one.
_WINDOWS: Final = np.array([(1, 7), (8, 31), (32, 120)])
_WINDOW_SHARES: Final = (0.3, 0.45, 0.25)
_ROUND_TRIP_SHARE: Final = 0.15
_NARROWED_SHARE: Final = 0.15  # to one airport of a city, at either end
_FILTERED_SHARE: Final = 0.15
_PAUSED_SHARE: Final = 0.1
_ONCE_SHARE: Final = 0.2
_RULES: Final = ("target", "drop", "new_low")
_RULE_SHARES: Final = (0.6, 0.25, 0.15)
# What an alert may also ask for: a column and some of its values.
_FILTERS: Final = (
    ("weekdays", ("16", "96", "31")),  # Fridays, weekends, all but weekends
    ("cabin", ("0", "2")),
    ("max_stops", ("0", "1")),
    ("carriers", ("{BA}", "{LH,LX,OS}", "{AA,DL,UA}")),
    ("excluded_carriers", ("{FR}", "{AA}", "{QF,TK}")),
)
# Armed prices as a share of what is usually paid, log-normal: most are far below what fares ever fall to, and in
# a million changes about 25,000 alerts fire.
_ARMED_LEVEL: Final = 0.3
_ARMED_SPREAD: Final = 0.2

Columns = dict[str, pa.Array]


class Alerts:
    """Alerts as columns in the text form that COPY reads, the same ones for the same seed.

    Args:
        market: the routes, and what is usually paid there.
        seed: another one gives others of the same kind.
        today: all departures are later.
        rates_date: of the exchange rates in use.
        travellers: whose they are; None: each is somebody else's, of whom nothing is known.
        armed_level: the middle of the armed prices, as a share of what is usually paid.
    """

    def __init__(
        self,
        market: Market,
        seed: int,
        today: date,
        rates_date: date,
        travellers: Travellers | None = None,
        armed_level: float = _ARMED_LEVEL,
    ) -> None:
        self._market, self._seed, self._travellers = market, seed, travellers
        self._armed_level = armed_level
        self._today, self._rates_date = np.datetime64(today, "D"), rates_date

    def batches(self, count: int) -> Iterator[pa.RecordBatch]:
        """So many alerts."""
        for number, start in enumerate(range(0, count, _AT_ONCE)):
            columns = self._columns(min(_AT_ONCE, count - start), np.random.default_rng((self._seed, number)))
            yield pa.RecordBatch.from_pydict(columns)

    def _columns(self, count: int, random: np.random.Generator) -> Columns:
        route = self._market.choose(count, random)
        round_trip = random.random(count) < _ROUND_TRIP_SHARE
        usual = self._market.usual[route] * np.where(round_trip, RETURN_LEVEL, 1)
        share = self._armed_level * np.exp(random.normal(0, _ARMED_SPREAD, count))
        armed = np.maximum(usual * share, 1).astype(np.int64)
        names = pa.array([route.name for route in self._market.routes])
        return {
            "id": uuids(count, random),
            "user_id": self._travellers.some(count, random) if self._travellers else uuids(count, random),
            "route": names.take(pa.array(route)),
            "armed_price": pa.array(armed),
            "initial_price": pa.array(armed),
            "currency": pa.repeat("EUR", count),
            "rates_date": pa.repeat(self._rates_date.isoformat(), count),
            "state": _choice(("paused", "active"), (_PAUSED_SHARE, 1 - _PAUSED_SHARE), count, random),
            **self._dates(round_trip, random),
            **self._airports(route, random),
            **_rules(armed, random),
            **_filters(count, random),
        }

    def _dates(self, round_trip: Bools, random: np.random.Generator) -> Columns:
        count = len(round_trip)
        shortest, longest = _WINDOWS[random.choice(len(_WINDOWS), count, p=_WINDOW_SHARES)].T
        first = self._today + random.integers(1, DAYS_AHEAD, count)
        nights = random.integers(2, 15, count)
        return {
            "departure_from": pa.array(first),
            "departure_to": pa.array(first + random.integers(shortest, longest + 1) - 1),
            "round_trip": pa.array(round_trip),
            "nights_min": pa.array(nights, mask=~round_trip),
            "nights_max": pa.array(nights + 7, mask=~round_trip),
        }

    def _airports(self, route: Ints, random: np.random.Generator) -> Columns:
        routes = [self._market.routes[position] for position in route]
        ends = {
            "origin_airports": [route.origin for route in routes],
            "destination_airports": [route.destination for route in routes],
        }
        return {
            name: pa.array(
                [f"{{{airport}}}" for airport in airports(cities, random)],
                mask=random.random(len(route)) >= _NARROWED_SHARE,
            )
            for name, cities in ends.items()
        }


async def fill(
    urls: Sequence[str], shard_map: ShardMap, alerts: Iterator[pa.RecordBatch], made: Callable[[int], None]
) -> None:
    """Copy alerts into their shards, which must have none.

    Raises:
        ConfigurationError: a shard has alerts.
    """
    async with AsyncExitStack() as closing:
        pools = [await closing.enter_async_context(asyncpg.create_pool(url, min_size=1, max_size=1)) for url in urls]
        for number, pool in enumerate(pools):
            if await pool.fetchval("SELECT EXISTS (SELECT FROM alerts)"):
                raise ConfigurationError(f"shard{number} has alerts: the bench fills empty shards only")
        for batch in alerts:
            await asyncio.gather(*(copy(pools[shard], "alerts", part) for shard, part in _parts(batch, shard_map)))
            made(batch.num_rows)


def _parts(batch: pa.RecordBatch, shard_map: ShardMap) -> Iterator[tuple[int, pa.RecordBatch]]:
    routes = batch["route"].dictionary_encode()
    shard_of_route = np.array([shard_map.shard_of(route) for route in routes.dictionary.to_pylist()])
    shard = shard_of_route[routes.indices.to_numpy()]
    return ((int(number), batch.filter(pa.array(shard == number))) for number in np.unique(shard))


def _rules(armed: Ints, random: np.random.Generator) -> Columns:
    rule = random.choice(len(_RULES), len(armed), p=_RULE_SHARES)
    return {
        "rule": pa.array(_RULES).take(pa.array(rule)),
        "target": pa.array(armed, mask=rule != _RULES.index("target")),
        "percent": pa.array(random.integers(5, 31, len(armed)), mask=rule != _RULES.index("drop")),
        "rearm": _choice(("once", "recovery"), (_ONCE_SHARE, 1 - _ONCE_SHARE), len(armed), random),
    }


def _filters(count: int, random: np.random.Generator) -> Columns:
    """One filter for some of the alerts."""
    asked = np.where(random.random(count) < _FILTERED_SHARE, random.integers(len(_FILTERS), size=count), -1)
    return {
        name: pa.array(np.array(values)[random.integers(len(values), size=count)], mask=asked != number)
        for number, (name, values) in enumerate(_FILTERS)
    }


def _choice(values: Sequence[str], shares: Sequence[float], count: int, random: np.random.Generator) -> pa.Array:
    return pa.array(values).take(pa.array(random.choice(len(values), count, p=shares)))
