"""Duffel's offers become fares, its errors waits and stops."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest_gateway.sources.apis.duffel import Duffel
from services.ingest_gateway.sources.searches import Searches
from services.ingest_gateway.sources.source import Api, Mapped, Refusal, Request, Skip, Stop, TryAgain
from shared.errors import UnreadableError
from tests.real_data import real_file
from tests.unit.payload_fuzz import NOW, check_holds, spoiled

SEARCHES = Searches(routes=(("LHR", "JFK"),), days_ahead=(30,), nights=(None, 7))
API = Duffel("duffel", SEARCHES, "duffel_test_token")
SEARCH = next(iter(API.requests(NOW.date())))
RECORDED_AT = datetime(2020, 1, 17, 10, 20, tzinfo=UTC)  # between the offers' beginning and their end


def segment(origin: str, destination: str, departing_at: str, **fields: object) -> dict[str, Any]:
    usual = {
        "origin": {"iata_code": origin},
        "destination": {"iata_code": destination},
        "departing_at": departing_at,
        "marketing_carrier": {"iata_code": "BA"},
        "marketing_carrier_flight_number": "117",
        "passengers": [{"cabin_class": "premium_economy"}],
    }
    return usual | fields


OUT = [segment("LHR", "DUB", "2026-12-24T08:05:00"), segment("DUB", "JFK", "2026-12-24T11:00:00")]
BACK = [segment("JFK", "LHR", "2027-01-03T22:00:00")]


def offer(**fields: object) -> dict[str, Any]:
    usual = {
        "id": "off_1",
        "slices": [{"segments": OUT}, {"segments": BACK}],
        "total_amount": "45.00",
        "total_currency": "GBP",
        "expires_at": "2026-11-22T12:30:00Z",
    }
    return usual | fields


def body_of(data: object, **beside: object) -> bytes:
    return json.dumps({"data": data} | beside).encode()


def mapped(data: object) -> Mapped:
    return API.read(SEARCH, body_of(data), NOW).mapped


def test_each_search_is_an_offer_request_of_one_adult() -> None:
    one_way, out_and_back = API.requests(date(2026, 11, 24))

    assert (one_way.method, one_way.path, one_way.what) == ("POST", "/air/offer_requests", "LHR-JFK 2026-12-24")
    assert one_way.headers["Authorization"] == "Bearer duffel_test_token"
    assert one_way.headers["Duffel-Version"] == "v2"
    assert _slices(one_way) == [("LHR", "JFK", "2026-12-24")]
    assert _slices(out_and_back) == [("LHR", "JFK", "2026-12-24"), ("JFK", "LHR", "2026-12-31")]


def _slices(request: Request) -> list[tuple[str, str, str]]:
    asked = json.loads(request.body or b"")["data"]
    assert asked["passengers"] == [{"type": "adult"}]
    return [(one["origin"], one["destination"], one["departure_date"]) for one in asked["slices"]]


def test_an_offer_becomes_a_fare() -> None:
    assert mapped([offer()]).fares == [
        {
            "origin": "LHR",
            "destination": "JFK",
            "departure_date": date(2026, 12, 24),
            "return_date": date(2027, 1, 3),
            "carrier": "BA",
            "flight_number": "117",
            "departure_time": time(8, 5),
            "cabin": "premium_economy",
            "stops": 1,
            "currency": "GBP",
            "price": 4_500,
            "observed_at": NOW,
            "source": "duffel",
        }
    ]


def test_a_stop_within_a_segment_counts_as_a_change_of_planes_does() -> None:
    touching_down = segment("LHR", "JFK", "2026-12-24T08:05:00", stops=[{"id": "sto_1"}])

    (fare,) = mapped([offer(slices=[{"segments": [touching_down]}])]).fares

    assert fare["stops"] == 1


@pytest.mark.parametrize("passengers", [[], [{}], [{"cabin_class": None}]])
def test_a_cabin_that_is_not_said_is_economy(passengers: list[object]) -> None:
    one = segment("LHR", "JFK", "2026-12-24T08:05:00", passengers=passengers)

    (fare,) = mapped([offer(slices=[{"segments": [one]}])]).fares

    assert fare["cabin"] == "economy"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"expires_at": "2026-11-22T12:00:00Z"}, "offer_expired"),
        ({"expires_at": "2026-11-22T12:30:00"}, "offer_malformed"),
        ({"partial": True}, "offer_partial"),
        ({"slices": [{"segments": OUT}] * 2}, "multi_city"),
        ({"slices": [{"segments": OUT}, {"segments": BACK}, {"segments": OUT}]}, "multi_city"),
        ({"slices": []}, "offer_malformed"),
        ({"slices": [{"segments": []}]}, "offer_malformed"),
        ({"total_amount": None}, "price_missing"),
        ({"total_amount": "0.00"}, "price_missing"),
        ({"total_amount": "-45.00"}, "price_negative"),
        ({"total_amount": "45 pounds"}, "offer_malformed"),
        ({"total_currency": "GBX"}, "currency_unknown"),
    ],
)
def test_what_is_no_fare_is_set_aside_and_the_others_go_on(fields: Mapping[str, object], reason: str) -> None:
    found = mapped([offer(**fields), offer()])

    assert found.set_aside == {reason: 1}
    assert len(found.fares) == 1


def test_an_offer_request_without_offers_leads_to_their_pages() -> None:
    page = API.read(SEARCH, body_of({"id": "orq_1"}), NOW)
    (first,) = page.further

    assert page.mapped.fares == []
    assert (first.method, first.path, first.what) == ("GET", "/air/offers", SEARCH.what)
    assert first.query == {"offer_request_id": "orq_1", "limit": "200"}
    assert first.headers["Authorization"] == "Bearer duffel_test_token"


def test_all_pages_of_a_search_are_seen_at_one_instant_so_that_the_cheapest_offer_of_a_flight_counts() -> None:
    (first,) = API.read(SEARCH, body_of({"id": "orq_1"}), NOW).further
    first_page = API.read(first, body_of([offer()], meta={"after": "g2wA"}), NOW + timedelta(seconds=2))
    (second,) = first_page.further
    second_page = API.read(second, body_of([offer()], meta={"after": None}), NOW + timedelta(seconds=4))

    assert second.query == {"offer_request_id": "orq_1", "limit": "200", "after": "g2wA"}
    assert [fare["observed_at"] for page in (first_page, second_page) for fare in page.mapped.fares] == [NOW, NOW]
    assert second_page.further == []


def test_a_cursor_that_leads_to_its_own_page_ends_the_search() -> None:
    (first,) = API.read(SEARCH, body_of({"id": "orq_1"}), NOW).further
    (second,) = API.read(first, body_of([], meta={"after": "g2wA"}), NOW).further

    assert API.read(second, body_of([], meta={"after": "g2wA"}), NOW).further == []


@pytest.mark.parametrize(
    ("name", "fares", "set_aside"),
    [
        ("create-offer-request", 1, {}),
        ("get-offer-requests", 1, {}),
        ("get-offer-by-id", 1, {}),
        ("get-offers", 0, {"multi_city": 1}),  # it flies to New York twice
        ("get-partial-offer-request-by-id", 0, {"offer_partial": 1}),
    ],
)
def test_recorded_payloads(name: str, fares: int, set_aside: dict[str, int]) -> None:
    found = API.read(SEARCH, real_file(f"payloads/duffel/{name}.json").read_bytes(), RECORDED_AT).mapped

    assert (len(found.fares), found.set_aside) == (fares, set_aside)
    for fare in found.fares:
        assert (fare["origin"], fare["destination"], fare["departure_date"]) == ("LHR", "JFK", date(2020, 6, 13))
        assert (fare["carrier"], fare["flight_number"], fare["departure_time"]) == ("BA", "1234", time(16, 38))
        assert (fare["price"], fare["currency"], fare["stops"]) == (4_500, "GBP", 0)


@pytest.mark.parametrize("name", ["create-offer-request", "get-offer-requests", "get-offer-by-id"])
def test_recorded_offers_are_no_fares_any_more_half_an_hour_later(name: str) -> None:
    found = API.read(SEARCH, real_file(f"payloads/duffel/{name}.json").read_bytes(), NOW).mapped

    assert (found.fares, found.set_aside) == ([], {"offer_expired": 1})


def error(kind: str, code: str, status: int) -> bytes:
    return json.dumps({"errors": [{"type": kind, "code": code}], "meta": {"status": status}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (401, error("authentication_error", "access_token_not_found", 401), Stop("access_token_not_found")),
        (403, error("authentication_error", "insufficient_permissions", 403), Stop("insufficient_permissions")),
        (400, error("invalid_request_error", "unsupported_version", 400), Stop("unsupported_version")),
        (406, b"", Stop("not_acceptable")),
        (404, error("invalid_request_error", "not_found", 404), Skip("not_found")),
        (422, error("validation_error", "validation_required", 422), Skip("validation_required")),
        (500, error("api_error", "internal_server_error", 500), TryAgain("internal_server_error")),
        (502, b"<html>bad gateway</html>", TryAgain("bad_gateway")),
        (504, b"\xff", TryAgain("gateway_timeout")),
        (599, b"", TryAgain("http_599")),
        (302, b"", Stop("found")),
        (200, b'{"data": ', TryAgain("answer_unreadable")),
    ],
)
def test_a_refusal_says_what_to_do(status: int, body: bytes, refusal: Refusal) -> None:
    assert API.refusal(status, {}, body) == refusal


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"date": "Sun, 22 Nov 2026 12:00:00 GMT", "ratelimit-reset": "Sun, 22 Nov 2026 12:00:42 GMT"}, 42),
        ({"date": "Sun, 22 Nov 2026 12:00:00 GMT", "ratelimit-reset": "Sun, 22 Nov 2026 11:59:00 GMT"}, 1),
        ({"date": "Sun, 22 Nov 2026 12:00:00 GMT", "ratelimit-reset": "Mon, 23 Nov 2026 12:00:00 GMT"}, 60),
        ({"date": "Sun, 22 Nov 2026 12:00:00 GMT", "ratelimit-reset": "soon"}, 60),
        ({"date": "today", "ratelimit-reset": "Sun, 22 Nov 2026 12:00:42 GMT"}, 60),
        ({}, 60),
        ({"retry-after": "7"}, None),  # the poller's
    ],
)
def test_too_many_requests_wait_for_the_end_of_duffels_minute(
    headers: Mapping[str, str], seconds: float | None
) -> None:
    body = error("rate_limit_error", "rate_limit_exceeded", 429)

    assert API.refusal(429, headers, body) == TryAgain("rate_limit_exceeded", seconds)


def test_it_needs_no_login() -> None:
    api: Api = API

    assert api.login() is None
    with pytest.raises(UnreadableError):
        API.token(b"{}")


@settings(max_examples=200)
@given(spoiled([offer()]).map(lambda data: b'{"data": %s}' % data), st.integers(100, 599))
def test_any_json_in_place_of_a_part_of_an_offer_is_understood_or_refused(body: bytes, status: int) -> None:
    check_holds(API, SEARCH, status, body)


@settings(max_examples=200)
@given(spoiled({"data": {"id": "orq_1", "offers": [offer()]}, "meta": {"after": "g2wA"}}), st.integers(100, 599))
def test_any_json_in_place_of_a_part_of_an_answer_is_understood_or_refused(body: bytes, status: int) -> None:
    check_holds(API, SEARCH, status, body)


@given(st.binary(max_size=30) | st.just(b'{"data": ' + b"[" * 100_000), st.integers(100, 599))
def test_any_bytes_are_understood_or_refused(body: bytes, status: int) -> None:
    check_holds(API, SEARCH, status, body)
