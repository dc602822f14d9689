"""The fares of Ryanair's fare finder become ours, its errors waits and stops."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest_gateway.sources.apis.ryanair import Ryanair
from services.ingest_gateway.sources.searches import Searches
from services.ingest_gateway.sources.source import FareValues, Mapped, Refusal, Skip, Stop, TryAgain
from tests.real_data import real_file
from tests.unit.payload_fuzz import NOW, check_holds, spoiled

SEARCHES = Searches(routes=(("DUB", "BRS"),), days_ahead=(30,), nights=(None, 7))
API = Ryanair("ryanair", SEARCHES, "")
SEARCH = next(iter(API.requests(NOW.date())))
RECORDED_AT = datetime(2023, 8, 22, 9, tzinfo=UTC)  # within the day of its prices


def flight(origin: str, destination: str, at: str, **fields: object) -> dict[str, Any]:
    usual = {
        "departureAirport": {"iataCode": origin},
        "arrivalAirport": {"iataCode": destination},
        "departureDate": at,
        "flightNumber": "FR504",
        "priceUpdated": None,
    }
    return usual | fields


def fare(price: object = 17.68, **fields: object) -> dict[str, Any]:
    usual = {
        "outbound": flight("DUB", "BRS", "2026-12-24T08:20:00"),
        "summary": {"price": {"value": price, "currencyCode": "EUR"}},
    }
    return usual | fields


def mapped(*fares: object, at: datetime = NOW) -> Mapped:
    return API.read(SEARCH, json.dumps({"fares": fares, "nextPage": None}).encode(), at).mapped


def test_each_search_asks_for_the_cheapest_flight_of_its_days() -> None:
    one_way, out_and_back = API.requests(date(2026, 11, 24))

    assert (one_way.method, one_way.path) == ("GET", "/farfnd/v4/oneWayFares")
    assert one_way.query == {
        "departureAirportIataCode": "DUB",
        "arrivalAirportIataCode": "BRS",
        "outboundDepartureDateFrom": "2026-12-24",
        "outboundDepartureDateTo": "2026-12-24",
        "currency": "EUR",
    }
    assert out_and_back.path == "/farfnd/v4/roundTripFares"
    back = {"inboundDepartureDateFrom": "2026-12-31", "inboundDepartureDateTo": "2026-12-31"}
    assert out_and_back.query == {**one_way.query, **back}


def test_a_fare_of_one_flight_is_one_way() -> None:
    assert mapped(fare()).fares == [
        {
            "origin": "DUB",
            "destination": "BRS",
            "departure_date": date(2026, 12, 24),
            "return_date": None,
            "carrier": "FR",
            "flight_number": "504",
            "departure_time": time(8, 20),
            "cabin": "economy",
            "stops": 0,
            "currency": "EUR",
            "price": 1_768,
            "observed_at": NOW,
            "source": "ryanair",
        }
    ]


def test_a_fare_of_two_flights_is_a_return_at_their_sum() -> None:
    (found,) = mapped(fare(36.35, inbound=flight("BRS", "DUB", "2026-12-31T20:20:00"))).fares

    assert (found["return_date"], found["price"]) == (date(2026, 12, 31), 3_635)


@pytest.mark.parametrize(
    ("flight_number", "carrier", "number"),
    [("FR504", "FR", "504"), ("RR 1", "RR", "1"), ("5F12A", "5F", "12A"), (None, None, None), ("", None, None)],
)
def test_flight_numbers_are_carrier_and_number(
    flight_number: str | None, carrier: str | None, number: str | None
) -> None:
    (found,) = mapped(fare(outbound=flight("DUB", "BRS", "2026-12-24T08:20:00", flightNumber=flight_number))).fares

    assert (found["carrier"], found["flight_number"]) == (carrier, number)


def milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000)


def updated(*instants: datetime) -> datetime:
    """When a return was seen whose flights' prices were updated then."""
    out, back = (milliseconds(instant) for instant in instants)
    outbound = flight("DUB", "BRS", "2026-12-24T08:20:00", priceUpdated=out)
    inbound = flight("BRS", "DUB", "2026-12-31T20:20:00", priceUpdated=back)
    (found,) = mapped(fare(outbound=outbound, inbound=inbound)).fares
    seen_at = found["observed_at"]
    assert isinstance(seen_at, datetime)
    return seen_at


def test_a_sum_was_seen_when_the_later_of_its_prices_was_updated() -> None:
    an_hour_ago, yesterday = NOW - timedelta(hours=1), NOW - timedelta(days=1)

    assert updated(yesterday, an_hour_ago) == an_hour_ago
    assert updated(an_hour_ago, yesterday) == an_hour_ago
    assert updated(yesterday, yesterday) == yesterday


@pytest.mark.parametrize("instant", [NOW + timedelta(milliseconds=1), NOW - timedelta(days=1, milliseconds=1)])
def test_an_update_in_the_future_or_long_ago_is_not_believed(instant: datetime) -> None:
    assert updated(instant, instant) == NOW


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"summary": {"price": None}}, "price_missing"),
        ({"summary": {"price": {"value": 0, "currencyCode": "EUR"}}}, "price_missing"),
        ({"summary": {"price": {"value": -17.68, "currencyCode": "EUR"}}}, "price_negative"),
        ({"summary": {"price": {"value": 17.685, "currencyCode": "EUR"}}}, "price_malformed"),
        ({"summary": {"price": {"value": 17.68, "currencyCode": "€"}}}, "currency_unknown"),
        ({"outbound": flight("DUB", "BRS", "2026-12-24T08:20:00", soldOut=True)}, "sold_out"),
        ({"inbound": flight("BRS", "DUB", "2026-12-31T20:20:00", unavailable=True)}, "sold_out"),
        ({"inbound": flight("BFS", "DUB", "2026-12-31T20:20:00")}, "multi_city"),
        ({"outbound": flight("DUB", "BRS", "2026-12-24T08:20:00", flightNumber="504")}, "flight_number_malformed"),
        ({"outbound": None}, "offer_malformed"),
    ],
)
def test_what_is_no_fare_is_set_aside_and_the_others_go_on(fields: Mapping[str, object], reason: str) -> None:
    found = mapped(fare(**fields), fare())

    assert found.set_aside == {reason: 1}
    assert len(found.fares) == 1


@pytest.mark.parametrize(
    ("name", "returning", "prices"),
    [
        ("one_way", None, {"DUB-BRS FR504": 1_768, "DUB-EDI FR812": 1_768}),
        ("return", date(2023, 8, 24), {"DUB-LBA FR152": 3_635, "DUB-LPL FR448": 3_911}),
    ],
)
def test_recorded_payloads(name: str, returning: date | None, prices: dict[str, int]) -> None:
    body = real_file(f"payloads/ryanair/mocked_{name}_response.json").read_bytes()

    found = API.read(SEARCH, body, RECORDED_AT).mapped

    assert found.set_aside == {}
    assert {_named(one): one["price"] for one in found.fares} == prices
    assert {one["return_date"] for one in found.fares} == {returning}
    assert all(RECORDED_AT - timedelta(hours=3) < one["observed_at"] < RECORDED_AT for one in found.fares)


def _named(one: FareValues) -> str:
    return f"{one['origin']}-{one['destination']} {one['carrier']}{one['flight_number']}"


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (400, b'{"code": "InvalidRoute", "message": "no such route"}', Skip("invalid_route")),
        (404, b"", Skip("not_found")),
        (403, b"<html>denied</html>", Stop("forbidden", 3_600)),
        (409, b'{"code": "Declined"}', Stop("declined", 3_600)),
        (401, b"", Stop("unauthorized")),
        (429, b"", TryAgain("too_many_requests")),
        (503, b"", TryAgain("service_unavailable")),
        (200, b"<html>maintenance</html>", TryAgain("answer_unreadable")),
    ],
)
def test_a_refusal_says_what_to_do(status: int, body: bytes, refusal: Refusal) -> None:
    assert API.refusal(status, {}, body) == refusal


@settings(max_examples=300)
@given(
    spoiled({"fares": [fare(inbound=flight("BRS", "DUB", "2026-12-31T20:20:00", priceUpdated=milliseconds(NOW)))]}),
    st.integers(100, 599),
)
def test_any_json_in_place_of_a_part_is_understood_or_refused(body: bytes, status: int) -> None:
    check_holds(API, SEARCH, status, body)
