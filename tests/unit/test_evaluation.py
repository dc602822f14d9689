"""What the boards say of an alert."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from services.alert_worker.evaluation import evaluate
from services.alert_worker.transitions import FareKeys, LockedAlert, Transition, standing
from shared.alerts.best_fare import AvailableFare
from shared.alerts.rules import UNSET, Rule
from shared.messages.evaluations import Unseen
from tests.unit.alerts import alert, firing, keys

ONCE = Rule("target", rearm="once")
LOW, DROP = Rule("new_low"), Rule("drop", percent=10)
UNSEEN = Unseen(revision=2, fire_seq=3, fare=firing(9_000).name, reference_price=9_000, armed_price=9_500)


def best(price: int, flight: int = 117) -> AvailableFare:
    board, fare = keys(flight)
    return AvailableFare(price, board, fare, price, 1_000)


def lowered(**more: object) -> LockedAlert:
    """An alert that has fired at 90.00 and watches flight 117."""
    usual: dict[str, Any] = {"initial_price": 10_000, "watched": keys()}
    return alert(8_820, **(usual | more))


@pytest.mark.parametrize("state", ["paused", "fired", "expired"])
def test_an_alert_that_is_not_active_stays_as_it_is(state: str) -> None:
    locked = alert(state=state)
    assert evaluate(locked, best(1), settled=True) == standing(locked)


@pytest.mark.parametrize("locked", [alert(), alert(UNSET, rule=DROP), lowered(), lowered(watched=None)])
def test_boards_without_a_wanted_fare_say_nothing(locked: LockedAlert) -> None:
    """They may have been lost: nothing is learnt and nothing is re-armed."""
    assert evaluate(locked, None, settled=True) == standing(locked)


@pytest.mark.parametrize(
    ("rule", "armed"), [(DROP, 8_100), (LOW, 8_820), (Rule("drop", percent=10, rearm="once"), 8_100)]
)
def test_an_alert_without_a_baseline_learns_it_and_tells_nobody(rule: Rule, armed: int) -> None:
    locked = alert(UNSET, rule=rule)
    assert evaluate(locked, best(9_000), settled=True) == Transition(locked, armed, armed, "active", None, check=True)


@pytest.mark.parametrize("rule", [Rule("target"), ONCE, LOW, DROP])
def test_a_fare_at_or_below_the_armed_price_fires_and_one_above_does_not(rule: Rule) -> None:
    locked = alert(rule=rule)
    assert evaluate(locked, best(10_001), settled=True) == standing(locked)
    fired = evaluate(locked, best(10_000), settled=True)
    assert (fired.firing, fired.fire_seq, fired.reached) == (firing(10_000), 4, 10_000)
    assert fired.armed_price == rule.next_price(10_000)


@pytest.mark.parametrize(
    ("price", "flight", "armed", "watched", "watched_at"),
    [
        (10_001, 117, 10_000, None, 0),
        (10_001, 118, 10_000, None, 0),
        (10_000, 117, 8_820, keys(117), 0),
        (10_000, 118, 8_820, keys(118), 1_000),
        (8_821, 118, 8_820, keys(118), 1_000),
    ],
)
def test_an_alert_returns_once_all_fares_are_above_its_initial_price_and_else_watches_the_cheapest(
    price: int, flight: int, armed: int, watched: FareKeys | None, watched_at: int
) -> None:
    """A fare that is watched anew is looked at once more: it may be rising just now."""
    locked = lowered()
    assert evaluate(locked, best(price, flight), settled=True) == replace(
        standing(locked),
        armed_price=armed,
        watched=watched,
        watched_at=watched_at,
        check=watched != locked.watched,
    )


@pytest.mark.parametrize("price", [8_821, 10_001])
def test_while_boards_may_not_show_yet_what_fired_an_alert_it_neither_returns_nor_watches_another_fare(
    price: int,
) -> None:
    """The dearer price may be the one from before."""
    locked = lowered()
    assert evaluate(locked, best(price, 118), settled=False) == standing(locked)
    assert evaluate(locked, best(8_820, 118), settled=False) == evaluate(locked, best(8_820, 118), settled=True)


def test_a_deeper_low_fires_from_where_the_alert_stands() -> None:
    fired = evaluate(lowered(), best(8_820, 118), settled=True)
    assert (fired.firing, fired.reached, fired.armed_price, fired.watched) == (
        firing(8_820, 118),
        8_820,
        8_643,
        keys(118),
    )


@pytest.mark.parametrize("rule", [LOW, ONCE, Rule("drop", percent=10, rearm="once")])
def test_what_does_not_recover_stays_low(rule: Rule) -> None:
    locked = lowered(rule=rule, watched=None)
    assert evaluate(locked, best(20_000), settled=True) == standing(locked)


@pytest.mark.parametrize(
    ("more", "unseen", "armed", "state"),
    [
        ({}, UNSEEN, 9_500, "active"),
        ({"state": "fired", "rule": ONCE}, UNSEEN, 9_500, "active"),
        ({"state": "paused"}, UNSEEN, 9_500, "paused"),
        ({"state": "expired"}, UNSEEN, 9_500, "expired"),
        ({"rule": LOW}, UNSEEN, 9_500, "active"),
        ({"revision": 3}, UNSEEN, 8_820, "active"),
        ({"fire_seq": 4}, UNSEEN, 8_820, "active"),
        ({"fire_seq": 2}, UNSEEN, 8_820, "active"),
        ({"last_fare": firing(9_000, 118).name}, UNSEEN, 8_820, "active"),
        ({"last_price": 8_999}, UNSEEN, 8_820, "active"),
        ({"last_fare": None, "last_price": None}, UNSEEN, 8_820, "active"),
        ({}, None, 8_820, "active"),
    ],
)
def test_the_last_firing_is_undone_if_nobody_was_told(
    more: dict[str, Any], unseen: Unseen | None, armed: int, state: str
) -> None:
    locked = lowered(**more)
    after = evaluate(locked, None, [unseen] if unseen else [], settled=True)
    assert (after.armed_price, after.state, after.initial_price, after.firing) == (armed, state, 10_000, None)
    assert after.check == (armed != 8_820)
    assert after.fire_seq == locked.fire_seq, "its number is used up"


@pytest.mark.parametrize("places", [(0, 1), (1, 0)])
def test_of_firings_with_one_number_the_one_that_was_not_rolled_back_is_undone(places: tuple[int, int]) -> None:
    rolled_back = msgspec.structs.replace(UNSEEN, fare=firing(9_000, 118).name, armed_price=10_000)
    unseen = [(rolled_back, UNSEEN)[place] for place in places]
    assert evaluate(lowered(), None, unseen, settled=True).armed_price == 9_500


def test_an_alert_that_has_recovered_meanwhile_does_not_sink_again() -> None:
    recovered = alert(10_000)
    assert evaluate(recovered, None, [UNSEEN], settled=True).armed_price == 10_000


def test_while_an_undone_alert_is_below_its_initial_price_it_goes_on_watching() -> None:
    assert evaluate(lowered(), None, [UNSEEN], settled=True).watched == keys()
    from_initial = msgspec.structs.replace(UNSEEN, armed_price=10_000)
    assert evaluate(lowered(), None, [from_initial], settled=True).watched is None


def test_what_is_there_after_an_undone_firing_fires_at_the_price_from_before() -> None:
    fired = evaluate(lowered(state="fired", rule=ONCE), best(9_400), [UNSEEN], settled=True)
    assert (fired.firing, fired.reached, fired.fire_seq, fired.state) == (firing(9_400), 9_500, 4, "fired")


def test_an_undone_alert_may_recover_at_once() -> None:
    after = evaluate(lowered(), best(10_001), [UNSEEN], settled=True)
    assert (after.armed_price, after.watched, after.firing) == (10_000, None, None)


def test_a_fare_that_only_rates_have_made_cheap_enough_fires_nothing() -> None:
    locked = alert()
    assert evaluate(locked, best(9_000), settled=True, fires=False) == standing(locked)
    assert evaluate(lowered(), best(10_001), settled=True, fires=False).armed_price == 10_000
