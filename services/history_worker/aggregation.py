"""What changes come to, a row for each day on which a price moved. Pure numpy."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from shared.changes_by_shard import Part
from shared.messages.codes import letters_of
from shared.messages.fare_key import split_fares

Ints = npt.NDArray[np.int64]

_DAY_MS: Final = 86_400_000
_DAY_BITS: Final = 16  # days since 1970, as in board keys
_CURRENCY_BITS: Final = 15


@dataclass(frozen=True, slots=True)
class DailyPrices:
    """Rows of the price history, as columns of n in the order of its key.

    `departure`, `returning` (0 for one way) and `observed_on` are days since 1970, `last_observed_at` is in ms since
    then. Of equal lows the one with the lower reference amount counts; the last price is that observed last, of those
    observed at once the lower.
    """

    route: list[str]
    departure: Ints
    returning: Ints
    cabin: Ints
    currency: list[str]
    observed_on: Ints
    low: Ints
    high: Ints
    last: Ints
    low_reference: Ints
    last_reference: Ints
    last_observed_at: Ints
    changes: Ints


@dataclass(frozen=True, slots=True)
class _Keys:
    """Two numbers for each change, ordered as the history's key; and the routes, in the order of their numbers."""

    routes: list[str]
    trip: Ints
    rest: Ints


def daily_prices(part: Part, position: Ints) -> DailyPrices:
    """Aggregate the changes at these positions, at least one."""
    keys = _keys(part, position)
    price, reference = part.price[position], part.reference[position]
    observed_at = part.observed_at[position]
    order = np.lexsort((reference, price, keys.rest, keys.trip))
    trip, rest = keys.trip[order], keys.rest[order]
    first = np.flatnonzero(np.append(True, (trip[1:] != trip[:-1]) | (rest[1:] != rest[:-1])))
    count = np.diff(np.append(first, len(order)))
    latest = np.maximum.reduceat(observed_at[order], first)
    # Sorted by price, the first of those observed last is the cheapest.
    observed_last = np.flatnonzero(observed_at[order] == np.repeat(latest, count))
    last = order[observed_last[np.searchsorted(observed_last, first)]]
    low, high = order[first], order[first + count - 1]
    trip, rest = trip[first], rest[first]
    day = 2**_DAY_BITS - 1
    return DailyPrices(
        route=[keys.routes[number] for number in (trip >> 2 * _DAY_BITS).tolist()],
        departure=trip >> _DAY_BITS & day,
        returning=trip & day,
        cabin=rest >> _CURRENCY_BITS + _DAY_BITS,
        currency=[letters_of(code) for code in (rest >> _DAY_BITS & 2**_CURRENCY_BITS - 1).tolist()],
        observed_on=rest & day,
        low=price[low],
        high=price[high],
        last=price[last],
        low_reference=reference[low],
        last_reference=reference[last],
        last_observed_at=latest,
        changes=count,
    )


def _keys(part: Part, position: Ints) -> _Keys:
    routes = sorted({place.route for place in part.places})
    numbers = {route: number for number, route in enumerate(routes)}
    route = np.array([numbers[place.route] for place in part.places])
    trip = (route << _DAY_BITS | part.departure) << _DAY_BITS | part.returning  # of each board
    fare = split_fares(part.fare[position])
    day = part.observed_at[position] // _DAY_MS
    rest = (fare.cabin << _CURRENCY_BITS | fare.currency) << _DAY_BITS | day
    return _Keys(routes, trip[part.board[position]], rest)
