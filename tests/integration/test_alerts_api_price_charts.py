"""What fares have cost, for charts."""

from datetime import timedelta
from typing import Any

import pytest

from shared.errors import UnavailableError
from tests.integration.fares_on_sale import DAY, NOW
from tests.integration.past_prices import PastPrice, api, traveller
from tests.integration.running_api import RunningApi, Traveller

__all__ = ["api", "traveller"]

TRIP: dict[str, Any] = {"origin": "NYC", "destination": "LON", "date": DAY.isoformat()}
WEEK = timedelta(days=7)

PAST = (
    PastPrice(12_000, 2, low=10_000, high=13_000, changes=5),
    PastPrice(11_000, 0),
    PastPrice(15_000, 1, currency="USD"),
    PastPrice(40_000, 0, cabin=2),
    PastPrice(9_000, 1, departure=DAY + timedelta(days=1)),
    PastPrice(30_000, 0, back=DAY + WEEK),
    PastPrice(20_000, 364),
    PastPrice(70_000, 0, route="NYC-PAR", currency="SEK"),
)


def chart(traveller: Traveller, **changes: str | int | None) -> dict[str, Any]:
    """The answer; None leaves a parameter out."""
    params = {name: value for name, value in (TRIP | changes).items() if value is not None}
    answer = traveller.get("/api/fares/history", **params)
    assert answer.status_code == 200, answer.text
    drawn: dict[str, Any] = answer.json()
    return drawn


def day(days_ago: int, low: int, last: int, high: int, changes: int) -> dict[str, Any]:
    date = (NOW.date() - timedelta(days=days_ago)).isoformat()
    return {"day": date, "low": low, "last": last, "high": high, "changes": changes}


def lows(drawn: dict[str, Any]) -> list[int]:
    return [day["low"] for day in drawn["days"]]


def test_a_chart_has_each_day_s_prices_in_one_currency_and_sums_them_up(traveller: Traveller) -> None:
    """Yesterday nothing moved in euros: what stood the evening before still did, and 150 dollars were 120 euros."""
    assert chart(traveller, cabin="economy") == {
        "currency": "EUR",
        "not_applied": [],
        "summary": {"low": 10_000, "typical": 11_000, "high": 12_000, "days": 3},
        "days": [
            day(2, 10_000, 12_000, 13_000, 5),
            day(1, 12_000, 12_000, 12_000, 1),
            day(0, 11_000, 11_000, 12_000, 1),
        ],
    }


def test_a_chart_is_drawn_in_the_currency_asked_for(traveller: Traveller) -> None:
    drawn = chart(traveller, cabin="economy", currency="USD")
    assert (drawn["currency"], lows(drawn)) == ("USD", [12_500, 15_000, 13_750])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [10_000, 12_000, 11_000]),
        ({"cabin": "business"}, [40_000]),
        ({"cabin": "first"}, []),
        ({"return_date": (DAY + WEEK).isoformat()}, [30_000]),
        ({"nights": 7}, [30_000]),
        ({"nights": 6}, []),
        ({"date": None, "from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()}, [10_000, 9_000, 9_000]),
        ({"days": 1}, [11_000]),
        ({"days": 2}, [12_000, 11_000]),
        ({"days": 365}, [20_000] * 15 + [10_000, 12_000, 11_000]),
        ({"days": 364}, [20_000] * 14 + [10_000, 12_000, 11_000]),
        ({"destination": "PAR"}, []),
    ],
)
def test_a_chart_is_of_what_was_asked_for(traveller: Traveller, changes: dict[str, Any], expected: list[int]) -> None:
    assert lows(chart(traveller, **changes)) == expected


def test_of_what_nothing_is_known_there_is_an_empty_chart(traveller: Traveller) -> None:
    assert chart(traveller, origin="PAR") == {"currency": "EUR", "not_applied": [], "summary": None, "days": []}


def test_airports_stand_for_their_cities_and_the_chart_says_so(traveller: Traveller) -> None:
    drawn = chart(traveller, origin="JFK", destination="LHR")
    assert (drawn["not_applied"], lows(drawn)) == (["origin", "destination"], [10_000, 12_000, 11_000])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"days": 0}, "days"),
        ({"days": 366}, "days"),
        ({"days": 10**12}, "days"),
        ({"date": None}, "date"),
        ({"date": (NOW.date() - WEEK).isoformat()}, "date"),
        ({"date": None, "from": DAY.isoformat(), "to": (DAY + timedelta(days=31)).isoformat()}, "to"),
        ({"destination": "JFK"}, "destination"),
        ({"nights": 3, "return_date": DAY.isoformat()}, "nights"),
        ({"currency": "SEK"}, "currency"),
        ({"origin": "nyc"}, "origin"),
    ],
)
def test_what_makes_no_sense_is_refused_as_in_a_search(
    traveller: Traveller, changes: dict[str, Any], field: str
) -> None:
    params = {name: value for name, value in (TRIP | changes).items() if value is not None}
    answer = traveller.get("/api/fares/history", **params)
    assert answer.status_code == 400
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


def test_a_chart_is_for_travellers_who_have_logged_in(api: RunningApi) -> None:
    assert api.client.get("/api/fares/history", params=TRIP).status_code == 401


def test_while_the_shard_is_away_there_is_no_chart(traveller: Traveller) -> None:
    async def away(*_: object) -> None:
        raise UnavailableError("shard0")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.alerts_api.fares.history.day_prices", away)
        answer = traveller.get("/api/fares/history", **TRIP)
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
