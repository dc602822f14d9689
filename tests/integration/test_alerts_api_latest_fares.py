"""The latest fare of each flight, a page at a time."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.fares_on_sale import DAY, NOW, Offer, put_on_sale
from tests.integration.past_prices import PastPrice, keep
from tests.integration.running_api import Traveller, running_api, settings_over
from tests.private_servers import Servers

TRIP = {"origin": "NYC", "destination": "LON", "from": DAY.isoformat(), "to": (DAY + timedelta(days=9)).isoformat()}


def hours_ago(hours: int) -> datetime:
    return NOW - timedelta(hours=hours)


# The first flight is quoted in two currencies, and was seen last at 80.00 euros.
FARES = (
    Offer(7_000, "EUR", flight=("BA", "1", "08:00"), seen=hours_ago(9)),
    Offer(10_000, "USD", flight=("BA", "1", "08:00"), seen=hours_ago(2)),
    Offer(9_000, "EUR", flight=("VS", "2", "10:00"), seen=hours_ago(3), departure=DAY + timedelta(days=1)),
    Offer(6_000, "EUR", flight=("LH", "3", "12:00"), seen=hours_ago(5), departure=DAY + timedelta(days=2)),
    Offer(500, "SEK", flight=("SK", "4", "14:00"), seen=hours_ago(1), departure=DAY + timedelta(days=3)),
)
PAST = (
    PastPrice(5_000, 9, route="NYC-PAR"),
    PastPrice(5_500, 2, route="NYC-PAR", currency="USD", reference=4_400),
    PastPrice(9_000, 4, route="NYC-PAR", cabin=1),
)


@pytest.fixture(scope="module")
def traveller(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traveller]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api")), lambda: NOW) as api:
        asyncio.run(put_on_sale(servers.redis.url, *FARES))
        asyncio.run(keep(api.settings.shards, *PAST))
        yield api.traveller()


def latest(traveller: Traveller, **changes: str | int) -> dict[str, Any]:
    answer = traveller.get("/api/fares/latest", **TRIP | changes)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def carriers(page: dict[str, Any]) -> list[str]:
    return [fare["carrier"] for fare in page["resources"]]


def test_each_flight_is_there_once_as_it_was_seen_last(traveller: Traveller) -> None:
    page = latest(traveller)
    assert (page["total"], page["source"]) == (4, "live")
    (british,) = [fare for fare in page["resources"] if fare["carrier"] == "BA"]
    assert british["price"] == {"amount": 10_000, "currency": "USD"}
    assert british["converted_price"] == {"amount": 8_000, "currency": "EUR"}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({}, ["LH", "BA", "VS", "SK"]),
        ({"sortBy": "price", "orderBy": "desc"}, ["VS", "BA", "LH", "SK"]),
        ({"sortBy": "observed_at"}, ["LH", "VS", "BA", "SK"]),
        ({"sortBy": "observed_at", "orderBy": "desc"}, ["SK", "BA", "VS", "LH"]),
        ({"sortBy": "departure_date"}, ["BA", "VS", "LH", "SK"]),
        ({"sortBy": "departure_date", "orderBy": "desc"}, ["SK", "LH", "VS", "BA"]),
    ],
)
def test_flights_come_in_the_order_asked_for(traveller: Traveller, order: dict[str, str], expected: list[str]) -> None:
    """Without a known price they are the last by price, either way."""
    assert carriers(latest(traveller, **order)) == expected


def test_pages_make_up_the_whole(traveller: Traveller) -> None:
    pages = [latest(traveller, count=3, offset=offset) for offset in (0, 3, 6)]
    assert [page["total"] for page in pages] == [4] * 3
    assert [carriers(page) for page in pages] == [["LH", "BA", "VS"], ["SK"], []]


def test_of_the_history_too_only_the_latest_price_counts(traveller: Traveller) -> None:
    """Of the same dates and cabin, whatever its currency."""
    page = latest(traveller, destination="PAR")
    assert (page["total"], page["source"]) == (2, "history")
    assert [fare["price"]["amount"] for fare in page["resources"]] == [5_500, 9_000]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sortBy": "id"}, "sortBy"),
        ({"orderBy": "up"}, "orderBy"),
        ({"offset": -1}, "offset"),
        ({"offset": 10_001}, "offset"),
        ({"count": 101}, "count"),
    ],
)
def test_a_page_that_makes_no_sense_is_refused(traveller: Traveller, changes: dict[str, str | int], field: str) -> None:
    answer = traveller.get("/api/fares/latest", **TRIP | changes)
    assert answer.status_code == 400
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
