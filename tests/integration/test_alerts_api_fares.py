"""Searching for fares: live from the boards, and from the history where those say too little."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from redis.asyncio import Redis

from services.alerts_api.settings import Settings
from shared.errors import UnavailableError
from shared.fare_boards.layout import redis_key
from shared.shards import Shards
from tests.integration.fares_on_sale import DAY, NOW, Offer, put_on_sale
from tests.integration.past_prices import PastPrice, keep
from tests.integration.running_api import RunningApi, Traveller, running_api, settings_over
from tests.private_servers import Servers

TRIP = {"origin": "NYC", "destination": "LON", "date": DAY.isoformat()}
WEEK = timedelta(days=7)

# In euro cents 12,000, 9,600, 12,000, 12,000, 5,000 and none: there is no rate for the krona.
FARES = (
    Offer(12_000, flight=("BA", "117", "18:25")),
    Offer(12_000, "USD", flight=("VS", "9", "09:00"), seen=NOW - timedelta(hours=7)),
    Offer(12_000, flight=("BA", "1", "08:00"), airports="EWR-LGW", stops=1),
    Offer(12_000, departure=DAY - timedelta(days=1), flight=("LH", "400", "23:00")),
    Offer(5_000, flight=("U2", "55", None), cabin="business"),
    Offer(100, "SEK", flight=("SK", "901", "12:00")),
    Offer(1_000, flight=("LX", "14", "10:00"), seen=NOW - timedelta(days=15)),
    Offer(30_000, back=DAY + WEEK, flight=("AA", "100", "20:00")),
)
PAST = (
    PastPrice(11_000, 2),
    PastPrice(9_000, 40),
    PastPrice(12_500, 3, currency="USD"),
    PastPrice(40_000, 2, cabin=2),
    PastPrice(52_000, 5, back=DAY + WEEK),
    PastPrice(700_000, 1, currency="SEK"),
    PastPrice(7_000, 1, route="NYC-PAR"),
)


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api")), lambda: NOW) as api:
        asyncio.run(put_on_sale(servers.redis.url, *FARES))
        asyncio.run(keep(api.settings.shards, *PAST))
        yield api


@pytest.fixture(scope="module")
def traveller(api: RunningApi) -> Traveller:
    return api.traveller()


@pytest.fixture(scope="module")
def without_boards(api: RunningApi) -> Iterator[Traveller]:
    """Over the same databases, with Redis away."""
    with running_api(changed(api, redis_url="redis://127.0.0.1:1"), lambda: NOW) as other:
        yield other.traveller()


def changed(api: RunningApi, **settings: object) -> Settings:
    return api.settings.model_copy(update=settings)


def search(traveller: Traveller, **changes: str | int | None) -> dict[str, Any]:
    """The answer to a search; None leaves a parameter out."""
    params = {name: value for name, value in (TRIP | changes).items() if value is not None}
    answer = traveller.get("/api/fares", **params)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def flights(page: dict[str, Any]) -> list[str | None]:
    return [fare["carrier"] for fare in page["resources"]]


def prices(page: dict[str, Any]) -> list[tuple[int, str]]:
    return [(fare["price"]["amount"], fare["price"]["currency"]) for fare in page["resources"]]


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


def test_where_nothing_is_on_sale_the_last_prices_answer(traveller: Traveller) -> None:
    page = search(traveller, destination="PAR")
    assert page == {
        "source": "history",
        "reason": "too_few_live_fares",
        "not_applied": [],
        "total": 1,
        "resources": [
            {
                "origin": "NYC",
                "destination": "PAR",
                "departure_date": DAY.isoformat(),
                "return_date": None,
                "carrier": None,
                "flight_number": None,
                "departure_time": None,
                "cabin": "economy",
                "stops": None,
                "price": {"amount": 7_000, "currency": "EUR"},
                "converted_price": {"amount": 7_000, "currency": "EUR"},
                "observed_at": (NOW - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "age_seconds": 24 * 3600,
                "fresh": False,
            }
        ],
    }


def test_where_nothing_is_known_at_all_the_boards_have_answered(traveller: Traveller) -> None:
    page = search(traveller, origin="PAR", destination="NYC")
    assert (page["source"], page["reason"], page["total"]) == ("live", None, 0)


def test_with_redis_away_the_last_price_of_each_currency_and_cabin_answers(without_boards: Traveller) -> None:
    page = search(without_boards)
    assert (page["source"], page["reason"]) == ("history", "live_fares_unavailable")
    assert prices(page) == [(12_500, "USD"), (11_000, "EUR"), (40_000, "EUR"), (700_000, "SEK")]
    assert prices(search(without_boards, cabin="economy", count=1)) == [(12_500, "USD")]
    assert prices(search(without_boards, nights=7)) == [(52_000, "EUR")]


def test_what_the_history_cannot_tell_apart_is_named(without_boards: Traveller) -> None:
    page = search(without_boards, origin="JFK", destination="LCY", carrier="BA", max_stops=0)
    assert page["not_applied"] == ["origin", "destination", "max_stops", "carrier"]
    assert page["total"] == 4


def test_boards_that_are_not_to_be_asked_are_not(api: RunningApi) -> None:
    with running_api(changed(api, fares_live=False), lambda: NOW) as other:
        page = search(other.traveller())
    assert (page["source"], page["reason"], page["total"]) == ("history", "live_fares_disabled", 4)


@pytest.mark.parametrize(("minimum", "source"), [(5, "live"), (6, "history")])
def test_fewer_fares_than_the_minimum_are_too_few(api: RunningApi, minimum: int, source: str) -> None:
    with running_api(changed(api, fares_minimum=minimum), lambda: NOW) as other:
        assert search(other.traveller(), carrier="BA")["source"] == source


def test_a_board_that_nobody_can_read_counts_as_away(api: RunningApi, traveller: Traveller) -> None:
    board = Offer(1, airports="JFK-ORY").board

    async def spoil() -> None:
        async with Redis.from_url(api.settings.redis_url) as redis:
            await redis.set(redis_key(board), b"\x63" + bytes(30))

    asyncio.run(spoil())
    page = search(traveller, destination="PAR")
    assert (page["source"], page["reason"], page["total"]) == ("history", "live_fares_unavailable", 1)


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


def nothing_but_absence(_: Shards, shard: int, __: object) -> NoReturn:
    raise UnavailableError(f"shard{shard}")


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


def test_with_boards_and_shards_away_there_is_no_answer(
    without_boards: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shards, "transaction", nothing_but_absence)
    answer = without_boards.get("/api/fares", **TRIP)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
