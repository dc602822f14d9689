"""Airports stand under their cities."""

import pytest

from shared.airports import cities, city_name, city_of, is_airport, is_city, places, route_of


@pytest.mark.parametrize("code", ["JFK", "LHR", "BCN", "OTP", "SKP", "BER"])
def test_airports_are_known(code: str) -> None:
    assert is_airport(code)


@pytest.mark.parametrize("code", ["", "jfk", "QQQ", "LON", "NYC", "BCN\n", " BCN", "BC", "EGLL", "\u0412CN"])
def test_what_is_no_airport_is_not_taken_for_one(code: str) -> None:
    assert not is_airport(code)


@pytest.mark.parametrize(
    ("airport", "city"),
    [
        ("JFK", "NYC"),
        ("LGA", "NYC"),
        ("EWR", "NYC"),
        ("LHR", "LON"),
        ("LTN", "LON"),
        ("SEN", "LON"),
        ("ORY", "PAR"),
        ("BVA", "PAR"),
        ("NYO", "STO"),
        ("BCN", "BCN"),
        ("SKP", "SKP"),
    ],
)
def test_an_airport_stands_under_its_metropolitan_area_or_for_itself(airport: str, city: str) -> None:
    assert city == city_of(airport)
    assert airport in cities()[city]


def test_a_route_joins_two_cities() -> None:
    assert {route_of(origin, "LGW") for origin in ("JFK", "LGA", "EWR")} == {"NYC-LON"}
    assert route_of("LGW", "BCN") == "LON-BCN"


def test_every_airport_stands_under_exactly_one_city() -> None:
    members = [airport for airports in cities().values() for airport in airports]

    assert sorted(members) == sorted(places())
    assert all(airport in cities()[city_of(airport)] for airport in members)


def test_cities_are_told_from_airports() -> None:
    assert is_city("LON")
    assert is_city("BCN")
    assert not is_city("LHR")
    assert not is_city("QQQ")


def test_every_city_has_a_name() -> None:
    assert (city_name("EWR"), city_name("SEN"), city_name("BCN")) == ("New York", "London", "Barcelona")
    assert all(place.city_name for place in places().values())


def test_an_unknown_airport_has_no_city() -> None:
    with pytest.raises(KeyError, match="QQQ"):
        city_of("QQQ")
