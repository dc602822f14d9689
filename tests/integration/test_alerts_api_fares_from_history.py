"""Searches whose answer is the history, for the boards are away, or not asked, or know too little."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from services.alerts_api.settings import Settings
from shared.fare_boards.layout import redis_key
from shared.shards import Shards
from tests.integration.fares_on_sale import DAY, NOW, Offer
from tests.integration.running_api import RunningApi, Traveller, running_api
from tests.integration.searched_fares import TRIP, api, nothing_but_absence, prices, search, traveller

__all__ = ["api", "traveller"]


@pytest.fixture(scope="module")
def without_boards(api: RunningApi) -> Iterator[Traveller]:
    """Over the same databases, with Redis away."""
    with running_api(changed(api, redis_url="redis://127.0.0.1:1"), lambda: NOW) as other:
        yield other.traveller()


def changed(api: RunningApi, **settings: object) -> Settings:
    return api.settings.model_copy(update=settings)


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


def test_with_boards_and_shards_away_there_is_no_answer(
    without_boards: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shards, "transaction", nothing_but_absence)
    answer = without_boards.get("/api/fares", **TRIP)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
