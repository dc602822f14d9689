"""Putting fares in order, whether they come from the boards or from the history. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from services.alerts_api.fares.resources import OrderBy, SortBy

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_LAST: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Found:
    """The n fares that a search has found.

    Attributes:
        flight: a number that fares of one flight share, whatever their currency.
        departure: in minutes since 1970.
        observed_at: in ms since 1970.
        price: in minor units of `currency`, which is coded.
        describe: what the fare at a position is, by the names of `FoundFare`.
    """

    flight: Ints
    departure: Ints
    observed_at: Ints
    price: Ints
    currency: Ints
    describe: Callable[[int], dict[str, Any]]

    def __len__(self) -> int:
        return len(self.price)


def latest(found: Found, converted: Ints) -> Bools:
    """Which of n fares is the one of its flight that was seen last, of equals the cheapest.

    Args:
        found: the fares.
        converted: their prices in one currency, 0 where that is unknown.
    """
    order = np.lexsort((-_known_first(converted), found.observed_at, found.flight))
    is_latest = np.zeros(len(found), dtype=bool)
    is_latest[order] = np.diff(found.flight[order], append=-1) != 0
    return is_latest


def ordered(found: Found, converted: Ints, sort_by: SortBy, order_by: OrderBy = "asc") -> Ints:
    """The positions of all fares in this order, then by price, then by departure; unknown prices come last."""
    price = _known_first(converted)
    leading = {"price": price, "observed_at": found.observed_at, "departure_date": found.departure}[sort_by]
    if order_by == "desc":
        leading = np.where(leading == _LAST, _LAST, -leading)
    return np.lexsort((found.departure, price, leading))


def _known_first(converted: Ints) -> Ints:
    return np.where(converted > 0, converted, _LAST)
