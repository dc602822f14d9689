"""Which of the changes that reach an alert fires it, judged on the alert as it is locked."""

from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alert_worker.matching import Fall, judge
from services.alert_worker.transitions import LockedAlert, Transition, fire, learn, standing
from shared.alerts.filters import Filters
from shared.alerts.rules import UNSET, Rule
from tests.unit.alerts import ALERT, DAY, alert, firing, keys


def fall(price: int, previous: int | None, flight: int = 117, **more: object) -> Fall:
    """A fall from a price, or a first sight."""
    return Fall(firing(price, flight, **more), UNSET if previous is None else previous - 1)


def judged(locked: LockedAlert, *falls: Fall) -> Transition | None:
    transitions = judge([locked], {locked.id: falls})
    assert len(transitions) <= 1
    return transitions[0] if transitions else None


@pytest.mark.parametrize(
    ("price", "previous", "fires"),
    [
        (10_000, 10_001, True),
        (9_000, 12_000, True),
        (9_000, None, True),
        (10_001, None, False),
        (10_001, 12_000, False),
        (9_000, 10_000, False),
    ],
)
def test_an_alert_fires_if_its_armed_price_is_in_the_band_that_the_fare_crossed(
    price: int, previous: int | None, *, fires: bool
) -> None:
    locked = alert(10_000)
    expected = fire(standing(locked), firing(price)) if fires else None
    assert judged(locked, fall(price, previous)) == expected


@pytest.mark.parametrize(
    "edit",
    [
        {"state": "paused"},
        {"state": "fired"},
        {"state": "expired"},
        {"armed_price": 8_999},
        {"armed_price": 12_000},
        {"armed_price": UNSET},
        {"filters": Filters(route="NYC-LON", departure_from=DAY, departure_to=DAY, round_trip=True, nights_max=9)},
        {"filters": Filters(route="NYC-LON", departure_from=DAY, departure_to=DAY, cabin=2)},
    ],
)
def test_an_alert_that_has_changed_since_it_was_found_is_left_alone(edit: dict[str, Any]) -> None:
    assert judged(alert(**edit), fall(9_000, 12_000)) is None


def test_the_cheapest_of_those_that_still_match_fires() -> None:
    tomorrow = keys(1, DAY - timedelta(days=1))
    falls = [fall(9_000, 12_000, 2), fall(9_500, None, 3), fall(8_000, 9_000, 4), fall(7_000, None, keys=tomorrow)]
    transition = judged(alert(10_000), *falls)
    assert transition is not None
    assert transition.firing == firing(9_000, 2)


def test_of_equal_prices_the_lower_fare_key_fires() -> None:
    expected = firing(9_000, keys=min(keys(flight, day) for flight in (1, 2) for day in (DAY, DAY + timedelta(days=1))))
    falls = [fall(9_000, None, keys=keys(flight, day)) for flight in (2, 1) for day in (DAY + timedelta(days=1), DAY)]
    for order in (falls, falls[::-1]):
        transition = judged(alert(10_000), *order)
        assert transition is not None
        assert transition.firing == expected


def test_an_alert_without_a_baseline_learns_from_the_cheapest_first_sight_alone() -> None:
    learning = alert(UNSET, rule=Rule("drop", percent=10))
    assert judged(learning, fall(1_000, 2_000)) is None
    assert judged(learning, fall(1_000, 2_000, 1), fall(9_000, None, 2), fall(8_000, None, 3)) == learn(learning, 8_000)


def test_each_alert_is_judged_by_its_own_falls() -> None:
    one, other = alert(10_000), alert(9_500, id=UUID(int=7))
    transitions = judge([one, other], {ALERT: [fall(9_900, None)], other.id: [fall(9_400, None, 9)]})
    assert [(each.alert.id, each.firing) for each in transitions] == [
        (ALERT, firing(9_900)),
        (other.id, firing(9_400, 9)),
    ]


falls_of_flights = st.lists(
    st.builds(fall, st.integers(8_990, 9_010), st.sampled_from([None, 9_005, 9_100]), st.integers(1, 5)), max_size=6
)


@given(falls_of_flights, st.integers(8_995, 9_005), st.randoms())
def test_the_outcome_does_not_depend_on_the_order_in_which_falls_were_found(
    falls: list[Fall], armed: int, choose: Random
) -> None:
    shuffled = choose.sample(falls, len(falls))
    first, second = judged(alert(armed), *falls), judged(alert(armed), *shuffled)
    assert (first and first.firing and first.firing.keys) == (second and second.firing and second.firing.keys)
    prices = [each.firing.price for each in falls if each.firing.price <= armed <= each.ceiling]
    assert (first.firing.price if first and first.firing else None) == min(prices, default=None)
