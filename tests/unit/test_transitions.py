"""What a firing and a baseline make of an alert."""

import pytest

from services.alert_worker.transitions import FareKeys, Transition, fire, learn, standing
from shared.alerts.rules import UNSET, Rule
from tests.unit.alerts import alert, firing, keys

DROP, LOW = Rule("drop", percent=10), Rule("new_low")


def test_an_alert_that_stands_stays_as_it_is() -> None:
    locked = alert(9_000, initial_price=10_000, state="paused", watched=keys())
    assert standing(locked) == Transition(locked, 10_000, 9_000, "paused", keys())
    assert standing(locked).fire_seq == locked.fire_seq


@pytest.mark.parametrize(
    ("rule", "armed", "state", "watched", "check"),
    [
        (Rule("target"), 8_820, "active", keys(), True),
        (Rule("target", rearm="once"), 8_820, "fired", None, False),
        (DROP, 8_100, "active", keys(), True),
        (Rule("drop", percent=10, rearm="once"), 8_100, "fired", None, False),
        (LOW, 8_820, "active", None, True),
    ],
)
def test_an_alert_that_fires_waits_for_a_deeper_low_or_is_done(
    rule: Rule, armed: int, state: str, watched: FareKeys | None, *, check: bool
) -> None:
    locked = alert(rule=rule)
    fired = fire(standing(locked), firing(9_000))
    assert (fired.armed_price, fired.state, fired.watched, fired.check) == (armed, state, watched, check)
    assert (fired.initial_price, fired.firing, fired.reached) == (10_000, firing(9_000), 10_000)
    assert fired.fire_seq == locked.fire_seq + 1


@pytest.mark.parametrize(("rule", "armed"), [(DROP, 8_099), (LOW, 8_819)])
def test_a_baseline_is_both_the_initial_and_the_armed_price(rule: Rule, armed: int) -> None:
    locked = alert(UNSET, rule=rule)
    assert locked.unset
    learnt = learn(locked, 8_999)
    assert learnt == Transition(locked, armed, armed, "active", None, check=True)
    assert learnt.fire_seq == locked.fire_seq
