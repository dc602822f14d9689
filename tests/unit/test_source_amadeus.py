"""Amadeus' flight offers become fares, its errors waits, logins and stops."""

import json
from collections.abc import Mapping
from datetime import date, time
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest_gateway.sources.apis.amadeus import Amadeus
from services.ingest_gateway.sources.searches import Searches
from services.ingest_gateway.sources.source import LogInAgain, Mapped, Refusal, Skip, Stop, Token, TryAgain
from shared.errors import UnreadableError
from tests.real_data import real_file
from tests.unit.payload_fuzz import NOW, check_holds, spoiled

SEARCHES = Searches(routes=(("SYD", "BKK"),), days_ahead=(30,), nights=(None, 7), currency="AUD")
API = Amadeus("amadeus", SEARCHES, "client 1:se:cret")
SEARCH = next(iter(API.requests(NOW.date())))
# Those of the recorded error bodies, by status and code.
RECORDED_ERRORS: Mapping[tuple[int, str], Refusal] = {
    (429, "38194"): TryAgain("too_many_requests"),
    (404, "1797"): Skip("not_found"),
    (500, "141"): TryAgain("system_error_has_occurred"),
    (500, "38189"): TryAgain("internal_error"),
}


def segment(origin: str, destination: str, at: str, **fields: object) -> dict[str, Any]:
    usual = {
        "departure": {"iataCode": origin, "at": at},
        "arrival": {"iataCode": destination, "at": at},
        "carrierCode": "PR",
        "number": "212",
        "numberOfStops": 0,
    }
    return usual | fields


OUT = [segment("SYD", "MNL", "2026-12-24T11:35:00"), segment("MNL", "BKK", "2026-12-24T19:20:00")]
BACK = [segment("BKK", "SYD", "2027-01-03T22:00:00", numberOfStops=1)]


def offer(**fields: object) -> dict[str, Any]:
    usual = {
        "itineraries": [{"segments": OUT}],
        "price": {"currency": "EUR", "grandTotal": "355.34", "total": "300.00"},
        "travelerPricings": [{"fareDetailsBySegment": [{"cabin": "PREMIUM_ECONOMY"}, {"cabin": "ECONOMY"}]}],
    }
    return usual | fields


def mapped(*offers: object) -> Mapped:
    return API.read(SEARCH, json.dumps({"data": offers}).encode(), NOW).mapped


def test_each_search_asks_for_all_offers_to_one_adult() -> None:
    one_way, out_and_back = API.requests(date(2026, 11, 24))

    assert (one_way.method, one_way.path, one_way.what) == ("GET", "/v2/shopping/flight-offers", "SYD-BKK 2026-12-24")
    assert one_way.query == {
        "originLocationCode": "SYD",
        "destinationLocationCode": "BKK",
        "departureDate": "2026-12-24",
        "adults": "1",
        "currencyCode": "AUD",
        "max": "250",
    }
    assert out_and_back.query == {**one_way.query, "returnDate": "2026-12-31"}


def test_a_login_sends_the_clients_credentials_as_a_form() -> None:
    login = API.login()

    assert (login.method, login.path) == ("POST", "/v1/security/oauth2/token")
    assert login.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs((login.body or b"").decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client 1"],
        "client_secret": ["se:cret"],
    }


def test_a_login_gives_a_token_for_some_time() -> None:
    grant = b'{"type": "amadeusOAuth2Token", "token_type": "Bearer", "access_token": "CpjU0sEenniHCgPDrndzOSWFk5mN"'

    assert API.token(grant + b', "expires_in": 1799}') == Token("CpjU0sEenniHCgPDrndzOSWFk5mN", 1799)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"access_token": "", "expires_in": 1}', b'{"access_token": "x", "expires_in": 0}']
)
def test_an_answer_without_a_token_is_none(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        API.token(body)


def test_an_offer_becomes_a_fare_at_its_grand_total() -> None:
    assert mapped(offer(itineraries=[{"segments": OUT}, {"segments": BACK}])).fares == [
        {
            "origin": "SYD",
            "destination": "BKK",
            "departure_date": date(2026, 12, 24),
            "return_date": date(2027, 1, 3),
            "carrier": "PR",
            "flight_number": "212",
            "departure_time": time(11, 35),
            "cabin": "premium_economy",
            "stops": 1,
            "currency": "EUR",
            "price": 35_534,
            "observed_at": NOW,
            "source": "amadeus",
        }
    ]


def test_a_cabin_that_is_not_said_is_economy() -> None:
    found = mapped(offer(travelerPricings=[]), offer(travelerPricings=[{"fareDetailsBySegment": [{}]}]))

    assert [fare["cabin"] for fare in found.fares] == ["economy", "economy"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"itineraries": [{"segments": OUT}] * 2}, "multi_city"),
        ({"itineraries": []}, "offer_malformed"),
        ({"itineraries": [{"segments": []}]}, "offer_malformed"),
        ({"itineraries": [{"segments": [segment("SYD", "BKK", "24.12.2026")]}]}, "offer_malformed"),
        (
            {"itineraries": [{"segments": [segment("SYD", "BKK", "2026-12-24T11:35:00", numberOfStops=9)]}]},
            "stops_malformed",
        ),
        ({"price": {"currency": "EUR"}}, "price_missing"),
        ({"price": {"currency": "EUR", "grandTotal": "0.00"}}, "price_missing"),
        ({"price": {"currency": "JPY", "grandTotal": "355.34"}}, "price_malformed"),
        ({"price": {"currency": "Euro", "grandTotal": "355.34"}}, "currency_unknown"),
        ({"price": None}, "offer_malformed"),
    ],
)
def test_what_is_no_fare_is_set_aside_and_the_others_go_on(fields: Mapping[str, object], reason: str) -> None:
    found = mapped(offer(**fields), offer())

    assert found.set_aside == {reason: 1}
    assert len(found.fares) == 1


def test_the_recorded_payload_holds_two_offers_that_begin_with_the_same_flight() -> None:
    body = real_file("payloads/amadeus/flight_offers_reply.json").read_bytes()

    page = API.read(SEARCH, body, NOW)

    assert (page.mapped.set_aside, page.further) == ({}, ())
    assert len(page.mapped.fares) == 2
    for fare in page.mapped.fares:
        assert (fare["origin"], fare["destination"], fare["departure_date"]) == ("SYD", "BKK", date(2021, 11, 1))
        assert (fare["carrier"], fare["flight_number"], fare["departure_time"]) == ("PR", "212", time(11, 35))
        assert (fare["price"], fare["currency"], fare["stops"], fare["cabin"]) == (35_534, "EUR", 1, "economy")


def test_every_recorded_error_body_leads_to_the_right_wait_or_skip() -> None:
    recorded = json.loads(real_file("payloads/amadeus/error_bodies.json").read_bytes())
    bodies = [one for one in recorded if one["api"] == "amadeus"]

    assert {
        (one["http"], str(one["body"]["errors"][0]["code"])): API.refusal(
            one["http"], {}, json.dumps(one["body"]).encode()
        )
        for one in bodies
    } == RECORDED_ERRORS


def error(code: object, title: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "title": title, "status": 401}]}).encode()


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (401, error(38190, "Invalid access token"), LogInAgain("invalid_access_token")),
        (401, error("38192", "Access token expired"), LogInAgain("access_token_expired")),
        (401, error(38193, "Access token revoked"), LogInAgain("access_token_revoked")),
        (401, error("38191", "Invalid HTTP header"), Stop("invalid_http_header")),
        (401, error(39683, "API key revoked"), Stop("api_key_revoked")),
        (401, b'{"error": "invalid_client", "code": 38187}', Stop("invalid_client")),
        (400, b'{"error": "unsupported_grant_type", "code": 38187}', Stop("unsupported_grant_type")),
        (403, b"", Stop("forbidden")),
        (400, error(477, "INVALID FORMAT"), Skip("invalid_format")),
        (400, error(425, "INVALID DATE"), Skip("invalid_date")),
        (503, b'{"error": "unavailable"}', TryAgain("service_unavailable")),
        (500, b"<html>", TryAgain("internal_server_error")),
        (200, b'{"data": {}}', TryAgain("answer_unreadable")),
    ],
)
def test_a_refusal_says_what_to_do(status: int, body: bytes, refusal: Refusal) -> None:
    assert API.refusal(status, {}, body) == refusal


@settings(max_examples=300)
@given(spoiled({"data": [offer()]}), st.integers(100, 599))
def test_any_json_in_place_of_a_part_is_understood_or_refused(body: bytes, status: int) -> None:
    check_holds(API, SEARCH, status, body)


@given(spoiled({"errors": [{"code": "38190", "title": "Invalid access token", "status": "401"}]}))
def test_any_json_in_place_of_a_part_of_an_error_is_refused(body: bytes) -> None:
    check_holds(API, SEARCH, 401, body)


@given(spoiled({"access_token": "CpjU0sEenniHCgPDrndzOSWFk5mN", "expires_in": 1799}))
def test_any_json_in_place_of_a_part_of_a_grant_is_a_token_or_none(body: bytes) -> None:
    try:
        token = API.token(body)
    except UnreadableError:
        return
    assert token.value
    assert token.expires_in_s > 0
