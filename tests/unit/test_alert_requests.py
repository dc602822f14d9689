"""Which wishes make an alert, and what the fleet then watches."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from services.alerts_api.alerts import AlertRequest, Money, Plan, Target, plan
from services.alerts_api.fields import InvalidFieldError
from shared.money import Rates

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
RATES = Rates(date(2026, 11, 20), "EUR", {"EUR": (1, 1), "USD": (1, 2), "JPY": (50, 1)})


def wish(**changes: object) -> AlertRequest:
    good = AlertRequest("NYC", "LON", date(2026, 12, 20), date(2026, 12, 28), Target("target", Money(12_000, "EUR")))
    return msgspec.structs.replace(good, **changes)


def test_cities_mean_any_of_their_airports() -> None:
    assert plan(wish(), RATES, NOW) == Plan("NYC-LON", None, None, 12_000)


def test_an_airport_of_a_bigger_city_narrows_to_itself() -> None:
    expected = Plan("NYC-LON", ["JFK"], ["LHR"], 12_000)
    assert plan(wish(origin="JFK", destination="LHR"), RATES, NOW) == expected


def test_an_airport_without_a_bigger_city_is_its_city() -> None:
    assert plan(wish(origin="BCN"), RATES, NOW).route == "BCN-LON"
    assert plan(wish(origin="BCN"), RATES, NOW).origin_airports is None


@pytest.mark.parametrize(("currency", "armed"), [("EUR", 12_000), ("USD", 6_000), ("JPY", 600_000)])
def test_the_armed_price_is_the_target_in_the_reference_currency(currency: str, armed: int) -> None:
    assert plan(wish(rule=Target("target", Money(12_000, currency))), RATES, NOW).armed_price == armed


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
    plan(wish(departure_from=departure_from, departure_to=departure_to), RATES, NOW)


def test_today_lasts_until_it_is_over_everywhere() -> None:
    today = wish(departure_from=date(2026, 11, 21), departure_to=date(2026, 11, 21))
    assert plan(today, RATES, datetime(2026, 11, 22, 11, 59, tzinfo=UTC)).route == "NYC-LON"
    with pytest.raises(InvalidFieldError, match="departure_to: is in the past"):
        plan(today, RATES, datetime(2026, 11, 22, 12, tzinfo=UTC))


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
        ({"origin": "LHR"}, "destination: is in the same city as the origin, LON"),
        ({"rule": Target("target", Money(1, "XXX"))}, "rule.price.currency: we have no rate for XXX"),
    ],
)
def test_the_field_that_makes_no_sense_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        plan(wish(**changes), RATES, NOW)
    assert str(caught.value).startswith(message)
