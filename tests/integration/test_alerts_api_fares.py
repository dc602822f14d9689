"""Searching for fares live, from the boards."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.shards import Shards
from tests.integration.fares_on_sale import DAY, NOW, Offer, put_on_sale
from tests.integration.running_api import RunningApi, Traveller, running_api, settings_over
from tests.integration.searched_fares import TRIP, WEEK, api, nothing_but_absence, search, traveller
from tests.private_servers import Servers

__all__ = ["api", "traveller"]


def flights(page: dict[str, Any]) -> list[str | None]:
    return [fare["carrier"] for fare in page["resources"]]


def test_a_fare_is_shown_as_it_was_seen_with_its_price_converted(traveller: Traveller) -> None:
    fare = search(traveller, carrier="VS")["resources"]
    assert fare == [
        {
            "origin": "JFK",
            "destination": "LHR",
            "departure_date": DAY.isoformat(),
            "return_date": None,
            "carrier": "VS",
            "flight_number": "9",
            "departure_time": "09:00",
            "cabin": "economy",
            "stops": 0,
            "price": {"amount": 12_000, "currency": "USD"},
            "converted_price": {"amount": 9_600, "currency": "EUR"},
            "observed_at": (NOW - timedelta(hours=7)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "age_seconds": 7 * 3600,
            "fresh": False,
        }
    ]


def test_fares_come_by_price_then_by_departure_and_last_those_without_a_rate(traveller: Traveller) -> None:
    page = search(traveller)
    assert flights(page) == ["U2", "VS", "BA", "BA", "SK"]
    assert [fare["flight_number"] for fare in page["resources"]][2:4] == ["1", "117"]
    assert page["resources"][-1]["converted_price"] is None
    assert [fare["fresh"] for fare in page["resources"]] == [True, False, True, True, True]
    assert (page["source"], page["reason"], page["not_applied"], page["total"]) == ("live", None, [], 5)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"count": 2}, ["U2", "VS"]),
        ({"origin": "EWR"}, ["BA"]),
        ({"destination": "LGW"}, ["BA"]),
        ({"cabin": "economy", "max_stops": 0}, ["VS", "BA", "SK"]),
        ({"carrier": "BA"}, ["BA", "BA"]),
        ({"date": None, "from": (DAY - timedelta(days=1)).isoformat(), "to": DAY.isoformat(), "count": 4},
         ["U2", "VS", "LH", "BA"]),
        ({"return_date": (DAY + WEEK).isoformat()}, ["AA"]),
        ({"nights": 7}, ["AA"]),
    ],
)  # fmt: skip
def test_a_search_is_narrowed_as_asked(traveller: Traveller, changes: dict[str, Any], expected: list[str]) -> None:
    assert flights(search(traveller, **changes)) == expected


def test_filters_that_leave_nothing_of_what_is_on_sale_are_answered_so(traveller: Traveller) -> None:
    page = search(traveller, carrier="ZZ")
    assert (page["source"], page["total"]) == ("live", 0)


def test_prices_are_converted_into_the_currency_asked_for(traveller: Traveller) -> None:
    page = search(traveller, currency="USD", cabin="economy")
    assert [fare["converted_price"] for fare in page["resources"]] == [
        {"amount": 12_000, "currency": "USD"},
        {"amount": 15_000, "currency": "USD"},
        {"amount": 15_000, "currency": "USD"},
        None,
    ]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_prices_follow_the_rates_within_a_minute(servers: Servers, tmp_path: Path) -> None:
    """And stay at those that are known while the shards are away; what only the history knows is then unknown."""
    clock = Clock()
    asyncio.run(put_on_sale(servers.redis.url, Offer(12_000, "USD")))
    with running_api(settings_over(servers, tmp_path), clock) as api, pytest.MonkeyPatch.context() as patch:
        traveller = api.traveller()
        assert converted(traveller) == 9_600
        load_new_rates(api)
        assert converted(traveller) == 9_600
        clock.now += timedelta(minutes=1)
        assert converted(traveller) == 6_000
        clock.now += timedelta(minutes=1)
        patch.setattr(Shards, "transaction", nothing_but_absence)
        assert converted(traveller) == 6_000
        assert search(traveller, destination="PAR") == {
            "source": "live", "reason": None, "not_applied": [], "total": 0, "resources": []
        }  # fmt: skip


def converted(traveller: Traveller) -> int:
    (fare,) = search(traveller)["resources"]
    return int(fare["converted_price"]["amount"])


def load_new_rates(api: RunningApi) -> None:
    api.everywhere(
        "WITH loaded AS (INSERT INTO rates (date, reference, factors)"
        """ VALUES ('2026-11-21', 'EUR', '{"EUR": [1, 1], "USD": [1, 2]}') RETURNING date)"""
        " UPDATE shard_state SET rates_date = loaded.date FROM loaded RETURNING rates_date"
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"origin": None}, "origin"),
        ({"origin": "nyc"}, "origin"),
        ({"origin": "NYC\n"}, "origin"),
        ({"origin": "QQQ"}, "origin"),
        ({"destination": "XXXX"}, "destination"),
        ({"destination": "EWR"}, "destination"),
        ({"date": "2026-02-30"}, "date"),
        ({"date": "tomorrow"}, "date"),
        ({"date": None}, "date"),
        ({"to": DAY.isoformat()}, "date"),
        ({"date": None, "from": DAY.isoformat()}, "date"),
        ({"date": "2020-01-01"}, "date"),
        ({"date": "9999-12-31"}, "date"),
        ({"date": None, "from": DAY.isoformat(), "to": (DAY - WEEK).isoformat()}, "to"),
        ({"date": None, "from": DAY.isoformat(), "to": (DAY + timedelta(days=31)).isoformat()}, "to"),
        ({"date": None, "from": "x", "to": DAY.isoformat()}, "from"),
        ({"return_date": (DAY - WEEK).isoformat()}, "return_date"),
        ({"return_date": DAY.isoformat(), "nights": 0}, "nights"),
        ({"nights": -1}, "nights"),
        ({"nights": 366}, "nights"),
        ({"cabin": "cargo"}, "cabin"),
        ({"max_stops": 8}, "max_stops"),
        ({"carrier": "ba"}, "carrier"),
        ({"currency": "XXX"}, "currency"),
        ({"currency": "SEK"}, "currency"),
        ({"count": 0}, "count"),
        ({"count": 1_000_000_000}, "count"),
    ],
    ids=str,
)
def test_a_search_that_makes_no_sense_is_refused_by_its_parameter(
    traveller: Traveller, changes: dict[str, Any], field: str
) -> None:
    params = {name: value for name, value in (TRIP | changes).items() if value is not None}
    for path in ("/api/fares", "/api/fares/latest"):
        answer = traveller.get(path, **params)
        assert answer.status_code == 400, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert [fault["field"] for fault in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("path", ["/api/fares", "/api/fares/latest"])
def test_nobody_searches_without_a_token(api: RunningApi, path: str) -> None:
    assert api.client.get(path).status_code == 401
