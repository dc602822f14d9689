"""Airports, their cities and city names, from the airportsdata package.

A city is an IATA metropolitan area (`NYC`); an airport without one stands for itself.
"""

from functools import cache
from typing import NamedTuple

import airportsdata

# Members of metropolitan areas that airportsdata leaves out.
_FURTHER_MEMBERS = {
    "BVA": "PAR",
    "BWI": "WAS",
    "EWR": "NYC",
    "NYO": "STO",
    "SEN": "LON",
    "VST": "STO",
}


class Place(NamedTuple):
    """What is known of an airport: its city's code and name and its coordinates in degrees."""

    city: str
    city_name: str
    latitude: float
    longitude: float


@cache
def places() -> dict[str, Place]:
    """Every known airport by its IATA code."""
    city_of_member = dict(_FURTHER_MEMBERS)
    city_names = {}
    for city, area in airportsdata.load_iata_macs().items():
        city_names[city] = area["name"]
        city_of_member.update(dict.fromkeys(area["airports"], city))
    return {
        code: Place(
            city_of_member.get(code, code),
            city_names.get(city_of_member.get(code, code)) or airport["city"] or airport["name"],
            airport["lat"],
            airport["lon"],
        )
        for code, airport in airportsdata.load("IATA").items()
    }


@cache
def cities() -> dict[str, frozenset[str]]:
    """Every city with its airports."""
    members: dict[str, set[str]] = {}
    for code, place in places().items():
        members.setdefault(place.city, set()).add(code)
    return {city: frozenset(airports) for city, airports in members.items()}


def is_airport(code: str) -> bool:
    """Whether this is the IATA code of a known airport."""
    return code in places()


def is_city(code: str) -> bool:
    """Whether this is a metropolitan area, or an airport that stands for itself."""
    return code in cities()


def city_of(airport: str) -> str:
    """The city an airport stands under; KeyError if the airport is unknown."""
    return places()[airport].city


def city_name(airport: str) -> str:
    """The name of the airport's city as a traveller knows it; KeyError if the airport is unknown."""
    return places()[airport].city_name


def route_of(origin: str, destination: str) -> str:
    """The route of two airports: `JFK`, `LHR` gives `NYC-LON`."""
    return f"{city_of(origin)}-{city_of(destination)}"
