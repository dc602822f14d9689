"""The market that the alert bench invents: which routes there are, how popular, and what is paid on them.

Every city of the fare generator's schedule is connected with every other: about 2,500 routes, six times what
is really flown. All prices are in minor units of the reference currency.
"""

from collections import defaultdict
from itertools import permutations
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fleet.generator.schedule import offers
from shared.airports import city_of

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAYS_AHEAD: Final = 300
RETURN_LEVEL: Final = 1.75
_CHEAPEST: Final = 6_000.0
_DEAREST: Final = 90_000.0
_POPULARITY_FALL: Final = 0.5  # the hundredth route is looked for a tenth as often as the first


class City(NamedTuple):
    """A city with its airports and the currency that fares from there are sold in."""

    code: str
    airports: tuple[str, ...]
    currency: str


class Route(NamedTuple):
    """From one city to another."""

    origin: City
    destination: City

    @property
    def name(self) -> str:
        """Such as `NYC-LON`."""
        return f"{self.origin.code}-{self.destination.code}"


class Market:
    """Some routes, the most popular first, and what a one-way economy fare mostly costs on each.

    Args:
        routes: how many at most.
        random: which of all there are, in which order, and at what price.
    """

    def __init__(self, routes: int, random: np.random.Generator) -> None:
        pairs = list(permutations(_cities(), 2))
        chosen = random.permutation(len(pairs))[:routes]
        self.usual: Floats = _CHEAPEST * (_DEAREST / _CHEAPEST) ** random.random(len(chosen))
        self.routes = [Route(*pairs[pair]) for pair in chosen]
        weights = np.arange(1, len(chosen) + 1) ** -_POPULARITY_FALL
        self._shares = weights / weights.sum()

    def choose(self, count: int, random: np.random.Generator) -> Ints:
        """The positions of so many routes, popular ones more often."""
        return random.choice(len(self.routes), count, p=self._shares)


def airports(cities: list[City], random: np.random.Generator) -> list[str]:
    """An airport of each city."""
    draws = random.random(len(cities))
    return [city.airports[int(draw * len(city.airports))] for city, draw in zip(cities, draws, strict=True)]


def _cities() -> list[City]:
    members: dict[str, set[str]] = defaultdict(set)
    currencies = {}
    for offer in offers():
        members[city_of(offer.origin)].add(offer.origin)
        currencies[city_of(offer.origin)] = offer.currency
    return [City(code, tuple(sorted(codes)), currencies[code]) for code, codes in sorted(members.items())]
