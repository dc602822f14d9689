"""The daily schedule that the fare generator sells: flights of `airlines` with numbers and times of their own."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import count
from math import asin, cos, radians, sin, sqrt
from typing import Final, NamedTuple, TypeAlias

import airportsdata

from fleet.generator.airlines import NETWORKS, Network
from shared.airports import places

_EARTH_RADIUS_KM: Final = 6_371
_LONG_HAUL_KM: Final = 3_500
# How often a day a pair is flown, by distance in km.
_DEPARTURES_WITHIN: Final = {1_500: 6, 4_000: 5, 8_000: 4, 25_000: 3}
_FIRST_MINUTE, _LAST_MINUTE = 6 * 60, 22 * 60
_LONGEST_DETOUR: Final = 1.4  # travellers take no longer way, as a multiple of the direct one
_MOST_CONNECTIONS: Final = 4  # airlines that offer connections on one pair of airports
_CONNECTIONS_A_DAY: Final = 3  # of each
_CURRENCIES: Final = {
    "AU": "AUD",
    "CA": "CAD",
    "CH": "CHF",
    "GB": "GBP",
    "JP": "JPY",
    "SE": "SEK",
    "US": "USD",
}

Pair: TypeAlias = tuple[str, str]  # origin and destination airport


class Flight(NamedTuple):
    """One departure, every day, of one airline."""

    network: Network
    number: int
    minute: int


class Offer(NamedTuple):
    """What is sold for every date: a flight, or a connection that begins with it, in one cabin."""

    origin: str
    destination: str
    carrier: str
    flight_number: str
    departure_minute: int
    cabin: str
    stops: int
    currency: str
    kilometres: float
    price_level: float


@cache
def offers() -> tuple[Offer, ...]:
    """Every offer of a day, those of one pair of airports together."""
    flights = _flights()
    return tuple(
        offer
        for pair, direct in flights.items()
        for sold, stops in ((direct, 0), (_connections(flights, pair), 1))
        for offer in _offers(pair, sold, stops)
    )


def _flights() -> dict[Pair, list[Flight]]:
    """All flights by their pair of airports: odd numbers leave the hub, even ones come back."""
    numbers: dict[str, Iterator[int]] = defaultdict(lambda: count(101, step=2))
    flights: dict[Pair, list[Flight]] = defaultdict(list)
    for network in NETWORKS:
        for airport in network.destinations.split():
            there, back = (network.hub, airport), (airport, network.hub)
            per_day = _per_day(_distance(*there))
            for turn in range(per_day):
                number = next(numbers[network.carrier])
                flights[there].append(Flight(network, number, _minute(turn, per_day, number)))
                flights[back].append(Flight(network, number + 1, _minute(turn, per_day, number + 1)))
    return dict(flights)


def _distance(origin: str, destination: str) -> float:
    """The great-circle distance in km."""
    start, end = places()[origin], places()[destination]
    north, east = radians(end.latitude - start.latitude), radians(end.longitude - start.longitude)
    widening = cos(radians(start.latitude)) * cos(radians(end.latitude))
    return 2 * _EARTH_RADIUS_KM * asin(sqrt(sin(north / 2) ** 2 + widening * sin(east / 2) ** 2))


def _per_day(kilometres: float) -> int:
    return next(times for within, times in _DEPARTURES_WITHIN.items() if kilometres <= within)


def _minute(turn: int, per_day: int, number: int) -> int:
    """The departure spread over the day, on a grid of five minutes, in another place for each number."""
    span = (_LAST_MINUTE - _FIRST_MINUTE) // per_day
    return _FIRST_MINUTE + turn * span + number * 35 % span // 5 * 5


def _connections(flights: dict[Pair, list[Flight]], pair: Pair) -> list[Flight]:
    """The first legs of the connections on a pair: for a few airlines, some departures to a hub on the way."""
    origin, destination = pair
    legs = []
    for network in NETWORKS:
        ends = network.destinations.split()
        if not network.budget and origin in ends and destination in ends and _on_the_way(pair, network.hub):
            to_hub = flights[origin, network.hub]
            legs.append([flight for flight in to_hub if flight.network is network])
    return [flight for departures in legs[:_MOST_CONNECTIONS] for flight in departures[:_CONNECTIONS_A_DAY]]


def _on_the_way(pair: Pair, hub: str) -> bool:
    origin, destination = pair
    return _distance(origin, hub) + _distance(hub, destination) <= _LONGEST_DETOUR * _distance(*pair)


def _offers(pair: Pair, flights: list[Flight], stops: int) -> Iterator[Offer]:
    """Every flight in every cabin that its airline sells on such a distance."""
    kilometres = _distance(*pair)
    cabins = ("economy", "premium_economy", "business") if kilometres > _LONG_HAUL_KM else ("economy", "business")
    for flight in flights:
        for cabin in cabins[:1] if flight.network.budget else cabins:
            yield Offer(
                origin=pair[0],
                destination=pair[1],
                carrier=flight.network.carrier,
                flight_number=str(flight.number),
                departure_minute=flight.minute,
                cabin=cabin,
                stops=stops,
                currency=_currency(pair[0]),
                kilometres=kilometres,
                price_level=flight.network.price_level,
            )


def _currency(airport: str) -> str:
    """What fares from this airport are sold in: one of a handful of currencies."""
    return _CURRENCIES.get(_countries()[airport], "EUR")


@cache
def _countries() -> dict[str, str]:
    return {code: airport["country"] for code, airport in airportsdata.load("IATA").items()}
