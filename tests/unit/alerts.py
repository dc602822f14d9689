"""Locked alerts and firings as unit tests make them."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from services.alert_worker.transitions import Firing, LockedAlert
from shared.alerts.filters import Filters
from shared.alerts.rules import Rule
from shared.messages.fare_key import Board, Fare, pack_board, pack_fare

ALERT, TRAVELLER = UUID(int=1), UUID(int=2)
DAY = date(2026, 12, 24)
ANYTHING = Filters(route="NYC-LON", departure_from=DAY, departure_to=DAY + timedelta(days=9))


def keys(flight: int = 117, day: date = DAY) -> tuple[int, int]:
    """The packed keys of board and fare of a flight."""
    return pack_board(Board("JFK", "LHR", day, None)), pack_fare(Fare("BA", str(flight), None, "economy", 0, "EUR"))


def alert(armed: int = 10_000, **more: object) -> LockedAlert:
    """An alert at its initial price that wants any fare of ten days, and was last fired by flight 117 at 90.00."""
    usual: dict[str, Any] = {
        "id": ALERT,
        "user_id": TRAVELLER,
        "filters": ANYTHING,
        "rule": Rule("target"),
        "state": "active",
        "revision": 2,
        "fire_seq": 3,
        "initial_price": armed,
        "armed_price": armed,
        "watched": None,
        "watched_at": 0,
        "unproven": False,
        "last_fare": firing(9_000).name,
        "last_price": 9_000,
    }
    usual.update(more)
    return LockedAlert(**usual)


def firing(price: int, flight: int = 117, **more: object) -> Firing:
    """A fare at that price, quoted in euros."""
    usual: dict[str, Any] = {"keys": keys(flight), "price": price, "quoted": price, "observed_at": 1_000}
    usual.update(more)
    return Firing(**usual)
