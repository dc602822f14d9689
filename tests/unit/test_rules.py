"""Each rule comes down to one number: the armed price."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alerts.rules import UNSET, Kind, Rearm, Rule


@pytest.mark.parametrize(
    ("rule", "price", "armed"),
    [
        (Rule("target"), 10_000, 9_800),
        (Rule("target"), 9_999, 9_799),
        (Rule("target"), 51, 49),
        (Rule("target"), 50, 49),
        (Rule("target"), 1, 0),
        (Rule("target"), 0, 0),
        (Rule("target", improvement=5), 10_001, 9_500),
        (Rule("target", improvement=99), 199, 1),
        (Rule("new_low"), 9_999, 9_799),
        (Rule("new_low", improvement=1), 101, 99),
        (Rule("drop", percent=10), 9_999, 8_999),
        (Rule("drop", percent=99), 99, 0),
        (Rule("drop", percent=1, improvement=50), 10_000, 9_900),
    ],
)
def test_the_next_armed_price_is_so_many_percent_lower_rounded_down(rule: Rule, price: int, armed: int) -> None:
    assert armed == rule.next_price(price)


@given(st.integers(1, 2**62), st.integers(1, 99), st.sampled_from(["target", "drop", "new_low"]))
def test_the_price_that_fired_never_fires_again(price: int, percent: int, kind: Kind) -> None:
    rule = Rule(kind, percent=percent, improvement=percent)
    assert rule.next_price(price) == floor(price * (1 - Fraction(percent, 100)))
    assert rule.next_price(price) < price < UNSET


@pytest.mark.parametrize(
    ("kind", "rearm", "recovers"),
    [
        ("target", "recovery", True),
        ("target", "once", False),
        ("drop", "recovery", True),
        ("drop", "once", False),
        ("new_low", "recovery", False),
        ("new_low", "once", False),
    ],
)
def test_which_rules_recover(kind: Kind, rearm: Rearm, *, recovers: bool) -> None:
    assert Rule(kind, percent=10, rearm=rearm).recovers is recovers


def test_unset_is_the_highest_number_that_the_column_holds() -> None:
    assert UNSET == 2**63 - 1
