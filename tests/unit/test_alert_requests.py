"""Which wishes make an alert, and what the fleet then watches."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.alerts_api.alerts.planning import Plan, plan
from services.alerts_api.alerts.resources import AlertRequest, Drop, Money, NewLow, RoundTrip, Target
from services.alerts_api.http.fields import InvalidFieldError
from shared.alerts.filters import Filters
from shared.alerts.rules import UNSET
from shared.money import Rates

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
RATES = Rates(date(2026, 11, 20), "EUR", {"EUR": (1, 1), "USD": (1, 2), "JPY": (50, 1)})
FIRST, LAST = date(2026, 12, 20), date(2026, 12, 28)


def wish(**changes: object) -> AlertRequest:
    good = AlertRequest(
        origin="NYC",
        destination="LON",
        departure_from=FIRST,
        departure_to=LAST,
        rule=Target(Money(12_000, "EUR")),
    )
    return msgspec.structs.replace(good, **changes)


def filters(**changes: object) -> Filters:
    return plan(wish(**changes), NOW).filters


def test_cities_mean_any_of_their_airports() -> None:
    expected = Filters(route="NYC-LON", departure_from=FIRST, departure_to=LAST)
    assert plan(wish(), NOW) == Plan(expected, "target", 12_000, "EUR", None, 2, "recovery")


@pytest.mark.parametrize(
    ("place", "city", "airports"),
    [
        ("JFK", "NYC", ["JFK"]),
        (["JFK"], "NYC", ["JFK"]),
        (["JFK", "EWR", "JFK"], "NYC", ["EWR", "JFK"]),
        ("BCN", "BCN", None),
        (["BCN"], "BCN", None),
        ("OSL", "OSL", None),
        (["OSL"], "OSL", ["OSL"]),
    ],
    ids=["an airport", "a list of one", "a set", "its own city", "its own city in a list", "a city", "its namesake"],
)
def test_airports_of_a_bigger_city_narrow_to_themselves(
    place: str | list[str], city: str, airports: list[str] | None
) -> None:
    planned = filters(origin=place)
    assert (planned.route, planned.origin_airports) == (f"{city}-LON", airports)
    planned = filters(destination=place, origin="PAR")
    assert (planned.route, planned.destination_airports) == (f"PAR-{city}", airports)


@pytest.mark.parametrize(("currency", "armed"), [("EUR", 12_000), ("USD", 6_000), ("JPY", 600_000)])
def test_the_armed_price_is_the_target_in_the_reference_currency(currency: str, armed: int) -> None:
    assert plan(wish(rule=Target(Money(12_000, currency))), NOW).armed_price(RATES) == armed


def test_what_has_to_learn_a_baseline_begins_unset() -> None:
    drop = plan(wish(rule=Drop(15, "USD"), improvement_percent=5, rearm="once"), NOW)
    assert drop.columns | {"rule": "drop", "percent": 15, "currency": "USD", "target": None} == drop.columns
    assert (drop.improvement, drop.rearm, drop.armed_price(RATES)) == (5, "once", UNSET)
    low = plan(wish(rule=NewLow()), NOW)
    assert (low.rule, low.currency, low.percent, low.armed_price(RATES)) == ("new_low", "EUR", None, UNSET)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (Target(Money(1, "XXX")), "rule.price.currency"),
        (Drop(5, "XXX"), "rule.currency"),
        (NewLow("XXX"), "rule.currency"),
    ],
)
def test_a_currency_without_a_rate_is_named(rule: Target | Drop | NewLow, field: str) -> None:
    with pytest.raises(InvalidFieldError, match="we have no rate for XXX") as caught:
        plan(wish(rule=rule), NOW).armed_price(RATES)
    assert caught.value.field == field


def test_filters_are_kept_as_codes_and_lists_as_sets() -> None:
    planned = filters(
        round_trip=RoundTrip(nights_min=2, nights_max=5),
        weekdays=["sun", "mon", "mon"],
        cabin="business",
        max_stops=0,
        carriers=["LH", "BA", "LH"],
    )
    assert (planned.round_trip, planned.nights_min, planned.nights_max) == (True, 2, 5)
    assert (planned.weekdays, planned.cabin, planned.max_stops) == (0b1000001, 2, 0)
    assert (planned.carriers, planned.excluded_carriers) == (["BA", "LH"], None)


@pytest.mark.parametrize(
    ("departure_from", "departure_to"),
    [
        (date(2026, 1, 1), date(2026, 11, 22)),
        (date(2028, 1, 1), date(2028, 11, 22)),
        (date(2026, 12, 1), date(2027, 12, 2)),
    ],
    ids=["begun already", "two years ahead", "a year long"],
)
def test_the_departure_window_may_be(departure_from: date, departure_to: date) -> None:
    plan(wish(departure_from=departure_from, departure_to=departure_to), NOW)


def test_today_lasts_until_it_is_over_everywhere() -> None:
    today = wish(departure_from=date(2026, 11, 21), departure_to=date(2026, 11, 21))
    assert plan(today, datetime(2026, 11, 22, 11, 59, tzinfo=UTC)).filters.route == "NYC-LON"
    with pytest.raises(InvalidFieldError, match="departure_to: is in the past"):
        plan(today, datetime(2026, 11, 22, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    "trip",
    [
        RoundTrip(return_to=LAST),
        RoundTrip(return_to=FIRST),
        RoundTrip(nights_max=0),
        RoundTrip(nights_min=365, nights_max=365),
        RoundTrip(return_from=date(2027, 1, 3), return_to=date(2027, 1, 3), nights_min=7),
        RoundTrip(return_to=LAST + timedelta(days=365), nights_max=10),
    ],
    ids=str,
)
def test_a_round_trip_may_be(trip: RoundTrip) -> None:
    planned = filters(round_trip=trip)
    assert planned.count_dates(FIRST) > 0


def test_the_most_pairs_of_dates_are_5000() -> None:
    """A hundred days of departure with 50 days of return each."""
    last = FIRST + timedelta(days=99)
    planned = filters(origin="JFK", destination="LHR", departure_to=last, round_trip=RoundTrip(nights_max=49))
    assert planned.count_dates(FIRST) == len(planned.boards(FIRST)) / len(planned.origins) / len(planned.destinations)
    with pytest.raises(InvalidFieldError, match=r"round_trip: allows 5100 pairs of dates, at most 5000 .* narrow it"):
        filters(origin="JFK", destination="LHR", departure_to=last, round_trip=RoundTrip(nights_max=50))


def test_dates_that_are_over_do_not_count() -> None:
    """Of a window that began long ago only two days are left."""
    plan(
        wish(departure_from=date(2026, 1, 1), departure_to=date(2026, 11, 22), round_trip=RoundTrip(nights_max=300)),
        NOW,
    )


def test_the_most_boards_are_50000(monkeypatch: pytest.MonkeyPatch) -> None:
    """No two cities of today have enough airports for that many."""
    monkeypatch.setattr("services.alerts_api.alerts.planning.MAX_BOARDS", 162)
    assert len(filters().boards(FIRST)) == 162
    with pytest.raises(InvalidFieldError, match="weekdays: allows 180 pairs of dates between pairs of airports"):
        filters(departure_to=LAST + timedelta(days=1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"departure_to": date(2026, 12, 19)}, "departure_to: is before departure_from"),
        ({"departure_to": date(2027, 12, 22)}, "departure_to: is more than 366 days after departure_from"),
        (
            {"departure_from": date(2028, 11, 23), "departure_to": date(2028, 11, 24)},
            "departure_to: is more than 731 days ahead",
        ),
        ({"departure_to": date.max}, "departure_to: is more than 366 days"),
        ({"origin": "QQQ"}, "origin: QQQ is no"),
        ({"destination": "QQQ"}, "destination: QQQ is no"),
        ({"origin": ["JFK", "QQQ"]}, "origin: QQQ is no"),
        ({"origin": ["JFK", "NYC"]}, "origin: NYC is no"),
        ({"origin": ["JFK", "LHR"]}, "origin: its airports are not all of one city"),
        ({"origin": "LHR"}, "destination: is in the same city as the origin, LON"),
        ({"round_trip": RoundTrip()}, "round_trip: needs return_to or nights_max"),
        ({"round_trip": RoundTrip(return_from=LAST, nights_min=2)}, "round_trip: needs return_to or nights_max"),
        ({"round_trip": RoundTrip(nights_min=3, nights_max=2)}, "round_trip.nights_max: is less than nights_min"),
        (
            {"round_trip": RoundTrip(return_from=LAST, return_to=FIRST)},
            "round_trip.return_to: is before return_from",
        ),
        ({"round_trip": RoundTrip(return_to=date(2026, 12, 19))}, "round_trip.return_to: is before departure_from"),
        ({"round_trip": RoundTrip(return_to=date.max, nights_max=1)}, "round_trip.return_to: is more than 365 days"),
        ({"round_trip": RoundTrip(return_from=date.max, nights_max=1)}, "round_trip: leaves no date"),
        ({"departure_to": FIRST, "weekdays": ["mon"]}, "weekdays: leaves no date of the departure window"),
        ({"carriers": ["BA"], "excluded_carriers": ["LH"]}, "excluded_carriers: cannot be given together"),
    ],
)
def test_the_field_that_makes_no_sense_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        plan(wish(**changes), NOW)
    assert str(caught.value).startswith(message)
