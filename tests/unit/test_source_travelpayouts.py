"""Travelpayouts' prices for dates become fares, its errors waits and stops.

The payloads are ours, after the public description of the API: there are no recorded ones.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest_gateway.sources.apis.travelpayouts import Travelpayouts
from services.ingest_gateway.sources.searches import Searches
from services.ingest_gateway.sources.source import Mapped, Refusal, Skip, Stop, TryAgain
from shared.errors import UnreadableError
from tests.unit.payload_fuzz import NOW, check_holds, spoiled

SEARCHES = Searches(routes=(("MOW", "LED"),), days_ahead=(30,), nights=(None, 7), currency="RUB")
API = Travelpayouts("travelpayouts", SEARCHES, "tp_test_token")
SEARCH = next(iter(API.requests(NOW.date())))


def ticket(**fields: object) -> dict[str, Any]:
    usual = {
        "origin": "MOW",
        "destination": "LED",
        "origin_airport": "SVO",
        "destination_airport": "LED",
        "price": 4519,
        "airline": "SU",
        "flight_number": "20",
        "departure_at": "2026-12-24T07:05:00+03:00",
        "transfers": 1,
        "return_at": "",
        "return_transfers": 0,
        "link": "/search/MOW2412LED1",
    }
    return usual | fields


def body_of(*tickets: object, **fields: object) -> bytes:
    return json.dumps({"success": True, "data": tickets, "currency": "rub"} | fields).encode()


def mapped(*tickets: object) -> Mapped:
    return API.read(SEARCH, body_of(*tickets), NOW).mapped


def test_each_search_asks_for_the_prices_of_its_dates() -> None:
    one_way, out_and_back = API.requests(date(2026, 11, 24))

    assert (one_way.method, one_way.path) == ("GET", "/aviasales/v3/prices_for_dates")
    assert one_way.headers["X-Access-Token"] == "tp_test_token"
    assert one_way.query == {
        "origin": "MOW",
        "destination": "LED",
        "departure_at": "2026-12-24",
        "one_way": "true",
        "currency": "rub",
        "limit": "1000",
        "page": "1",
    }
    assert out_and_back.query == {**one_way.query, "one_way": "false", "return_at": "2026-12-31"}


def test_a_ticket_becomes_a_fare_between_airports_at_their_local_time() -> None:
    assert mapped(ticket()).fares == [
        {
            "origin": "SVO",
            "destination": "LED",
            "departure_date": date(2026, 12, 24),
            "return_date": None,
            "carrier": "SU",
            "flight_number": "20",
            "departure_time": time(7, 5),
            "cabin": "economy",
            "stops": 1,
            "currency": "RUB",
            "price": 451_900,
            "observed_at": NOW,
            "source": "travelpayouts",
        }
    ]


@pytest.mark.parametrize("price", ["45.50", "45.5"])
def test_a_price_with_a_fraction_is_read_exactly(price: str) -> None:
    body = body_of(ticket(price="PRICE")).replace(b'"PRICE"', price.encode())

    assert [fare["price"] for fare in API.read(SEARCH, body, NOW).mapped.fares] == [4_550]


def test_a_ticket_with_a_way_back_is_a_return() -> None:
    (fare,) = mapped(ticket(return_at="2027-01-03T22:00:00+03:00", return_transfers=2)).fares

    assert (fare["return_date"], fare["stops"]) == (date(2027, 1, 3), 2)


def test_flights_numbered_by_a_number_or_not_at_all() -> None:
    found = mapped(ticket(flight_number=20), ticket(flight_number=None, airline=None))

    assert [(fare["carrier"], fare["flight_number"]) for fare in found.fares] == [("SU", "20"), (None, None)]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"price": 0}, "price_missing"),
        ({"price": None}, "price_missing"),
        ({"price": -1}, "price_negative"),
        ({"price": "cheap"}, "offer_malformed"),
        ({"transfers": 8}, "stops_malformed"),
        ({"departure_at": "soon"}, "offer_malformed"),
        ({"return_at": "later"}, "offer_malformed"),
        ({"origin_airport": None}, "offer_malformed"),
    ],
)
def test_what_is_no_fare_is_set_aside_and_the_others_go_on(fields: Mapping[str, object], reason: str) -> None:
    found = mapped(ticket(**fields), ticket())

    assert found.set_aside == {reason: 1}
    assert len(found.fares) == 1


def test_prices_in_a_currency_that_there_is_not_are_set_aside() -> None:
    found = API.read(SEARCH, body_of(ticket(), currency="bonus"), NOW).mapped

    assert (found.fares, found.set_aside) == ([], {"currency_unknown": 1})


def test_a_full_page_leads_to_the_next_and_both_are_seen_at_one_instant() -> None:
    two_a_page = replace(SEARCH, query={**SEARCH.query, "limit": "2"})

    first = API.read(two_a_page, body_of(ticket(), ticket()), NOW)
    (following,) = first.further
    second = API.read(following, body_of(ticket()), NOW + timedelta(seconds=5))

    assert following.query == {**two_a_page.query, "page": "2"}
    assert following.headers == SEARCH.headers
    assert [fare["observed_at"] for fare in second.mapped.fares] == [NOW]
    assert second.further == []


def test_an_answer_that_says_no_is_none() -> None:
    with pytest.raises(UnreadableError):
        API.read(SEARCH, body_of(success=False), NOW)


@pytest.mark.parametrize(
    ("status", "headers", "body", "refusal"),
    [
        (401, {}, b"Unauthorized", Stop("unauthorized")),
        (403, {}, b"", Stop("forbidden")),
        (429, {}, b"", TryAgain("too_many_requests", 60)),
        (429, {"retry-after": "7"}, b"", TryAgain("too_many_requests")),
        (400, {}, b'{"success": false, "error": "bad origin", "data": null}', Skip("bad_request")),
        (500, {}, b"", TryAgain("internal_server_error")),
        (200, {}, b'{"success": false, "error": "bad origin", "data": null}', Skip("no_success")),
        (200, {}, b'{"success": true, "data": [', TryAgain("answer_unreadable")),
        (200, {}, b'{"success": true, "data": null}', TryAgain("answer_unreadable")),
    ],
)
def test_a_refusal_says_what_to_do(status: int, headers: Mapping[str, str], body: bytes, refusal: Refusal) -> None:
    assert API.refusal(status, headers, body) == refusal


@settings(max_examples=300)
@given(
    spoiled({"success": True, "data": [ticket(return_at="2027-01-03T22:00:00Z")], "currency": "rub"}),
    st.integers(100, 599),
)
def test_any_json_in_place_of_a_part_is_understood_or_refused(body: bytes, status: int) -> None:
    check_holds(API, SEARCH, status, body)
