"""Which searches for fares make sense, and what they look for."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.alerts_api.fares.search import MAX_DAYS, Query, plan_search
from services.alerts_api.http.fields import InvalidFieldError
from shared.airports import cities

# In the evening west of us it is still the day before.
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
TODAY = NOW.date()
YESTERDAY = TODAY - timedelta(days=1)
DAY = date(2026, 12, 24)


def query(**changes: Any) -> Query:  # noqa: ANN401  # the fields of a query
    usual: dict[str, Any] = {"origin": "NYC", "destination": "LON", "day": DAY}
    return Query(**usual | changes)


def test_a_search_by_airports_is_for_the_route_of_their_cities() -> None:
    filters = plan_search(query(origin="JFK", destination="LHR"), NOW).filters
    assert (filters.route, filters.origins, filters.destinations) == ("NYC-LON", ["JFK"], ["LHR"])


def test_a_search_without_a_return_is_for_one_way() -> None:
    assert not plan_search(query(), NOW).filters.round_trip
    assert plan_search(query(nights=0), NOW).filters.round_trip
    assert plan_search(query(return_date=DAY), NOW).filters.round_trip


def test_a_window_begins_with_the_first_day_that_is_not_over_everywhere() -> None:
    window = {"day": None, "first_day": date(2026, 11, 1), "last_day": YESTERDAY}
    filters = plan_search(query(**window), NOW).filters
    assert (filters.departure_from, filters.departure_to) == (YESTERDAY, YESTERDAY)


def test_the_longest_window_between_the_largest_cities_is_read_at_once() -> None:
    """A thousand boards do not hold up the others on Redis."""
    largest = sorted(cities(), key=lambda city: len(cities()[city]))[-2:]
    window = {"day": None, "first_day": DAY, "last_day": DAY + timedelta(days=MAX_DAYS - 1)}
    filters = plan_search(query(origin=largest[0], destination=largest[1], **window, nights=7), NOW).filters
    assert 31 < len(filters.boards(filters.departure_from)) <= 1_000


def test_what_narrows_a_search_beyond_the_history_is_known() -> None:
    assert plan_search(query(cabin="first", nights=3), NOW).not_in_history == []
    narrowed = plan_search(query(origin="EWR", destination="LCY", max_stops=0, carrier="BA"), NOW)
    assert narrowed.not_in_history == ["origin", "destination", "max_stops", "carrier"]
    assert plan_search(query(origin="MAD"), NOW).not_in_history == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"destination": "JFK"}, "destination"),
        ({"origin": "QQQ"}, "origin"),
        ({"day": None}, "date"),
        ({"day": None, "first_day": DAY}, "date"),
        ({"first_day": DAY}, "date"),
        ({"day": YESTERDAY - timedelta(days=1)}, "date"),
        ({"day": TODAY + timedelta(days=800)}, "date"),
        ({"day": None, "first_day": DAY, "last_day": TODAY + timedelta(days=800)}, "to"),
        ({"day": None, "first_day": DAY, "last_day": DAY - timedelta(days=1)}, "to"),
        ({"day": None, "first_day": DAY, "last_day": DAY + timedelta(days=MAX_DAYS)}, "to"),
        ({"return_date": DAY - timedelta(days=1)}, "return_date"),
        ({"return_date": DAY + timedelta(days=366)}, "return_date"),
        ({"return_date": DAY, "nights": 0}, "nights"),
        # The days before yesterday are left out of the window, so nothing returns then.
        (
            {"day": None, "first_day": date(2026, 11, 1), "last_day": TODAY, "return_date": date(2026, 11, 2)},
            "return_date",
        ),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFieldError) as refusal:
        plan_search(query(**changes), NOW)
    assert refusal.value.field == field
