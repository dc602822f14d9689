"""What is kept of a wish gives the wish again."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from services.alerts_api.alerts.planning import plan
from services.alerts_api.alerts.resources import AlertRequest, Drop, Money, NewLow, RoundTrip, Target
from services.alerts_api.alerts.rows import alert_of, request_of
from shared.alerts.rules import UNSET

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
PLAIN: dict[str, Any] = {
    "origin": "NYC",
    "destination": "LON",
    "departure_from": date(2026, 12, 20),
    "departure_to": date(2026, 12, 28),
    "rule": Target(Money(12_000, "USD")),
}
SERVED: dict[str, Any] = {
    "id": UUID(int=7),
    "state": "fired",
    "revision": 3,
    "created_at": NOW,
    "updated_at": NOW,
    "last_fired_at": NOW,
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"origin": "JFK", "destination": ["LGW", "LHR"]},
        {"origin": "BCN", "destination": ["OSL"]},
        {"rule": Drop(10, "JPY"), "improvement_percent": 50, "rearm": "once"},
        {"rule": NewLow("USD")},
        {"round_trip": RoundTrip(nights_max=7)},
        {"round_trip": RoundTrip(date(2026, 12, 27), date(2027, 1, 2), 0, 9)},
        {"weekdays": ["mon", "fri", "sun"], "cabin": "economy", "max_stops": 0, "carriers": ["BA", "LH"]},
        {"cabin": "first", "max_stops": 7, "excluded_carriers": ["5J"]},
    ],
    ids=str,
)
def test_a_wish_comes_back_from_its_row(changes: dict[str, Any]) -> None:
    request = AlertRequest(**PLAIN | changes)
    assert request_of(plan(request, NOW).columns) == request


@pytest.mark.parametrize(("armed", "told"), [(9_600, Money(9_600, "EUR")), (UNSET, None)])
def test_the_armed_price_is_told_in_the_reference_currency_once_it_is_known(armed: int, told: Money | None) -> None:
    row = plan(AlertRequest(**PLAIN), NOW).columns | SERVED | {"armed_price": armed}
    alert = alert_of(row, "EUR")
    assert alert.armed_price == told
    assert (alert.state, alert.revision, alert.last_fired_at) == ("fired", 3, NOW)
