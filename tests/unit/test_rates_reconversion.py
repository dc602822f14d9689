"""An alert's prices at other rates are what fractions say, without drift where the target is known."""

from fractions import Fraction
from itertools import pairwise
from math import floor

from hypothesis import example, given
from hypothesis import strategies as st

from shared.alerts.rules import UNSET
from shared.money import Factor, converted
from shared.rates.reconversion import ArmedPrices, reconverted

factors = st.tuples(st.integers(1, 2**21 - 1), st.integers(1, 2**40))
prices = st.integers(0, 2**40 - 1)


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def ratio(before: Factor, after: Factor) -> Fraction:
    return Fraction(*after) / Fraction(*before)


@given(prices, prices, factors, factors)
@example(3, 1, (2, 1), (1, 1))  # 1.5 and 0.5, both upwards
def test_prices_without_a_target_move_by_the_ratio_of_the_rates(
    initial: int, armed: int, before: Factor, after: Factor
) -> None:
    moved = reconverted(ArmedPrices(initial, armed), None, before, after)
    assert moved == (half_up(initial * ratio(before, after)), half_up(armed * ratio(before, after)))


@given(prices, prices, factors, factors, prices)
def test_the_initial_price_of_a_target_is_the_target_at_the_new_rates(
    target: int, armed: int, before: Factor, after: Factor, initial: int
) -> None:
    moved = reconverted(ArmedPrices(initial, armed), target, before, after)
    assert moved.initial == half_up(target * Fraction(*after))
    assert moved.armed == (moved.initial if armed == initial else half_up(armed * ratio(before, after)))


@given(st.integers(1, 10**7), st.lists(factors, min_size=2, max_size=9))
def test_a_target_that_has_not_fired_never_drifts(target: int, days: list[Factor]) -> None:
    at_first = converted(target, days[0])
    alert = ArmedPrices(at_first, at_first)
    for before, after in pairwise(days):
        alert = reconverted(alert, target, before, after)
    assert alert == (converted(target, days[-1]),) * 2


@given(factors, factors)
def test_what_is_unset_stays_so(before: Factor, after: Factor) -> None:
    assert reconverted(ArmedPrices(UNSET, UNSET), None, before, after) == (UNSET, UNSET)
    assert reconverted(ArmedPrices(0, UNSET), None, before, after).armed == UNSET


@given(prices, factors, factors)
def test_what_rates_have_lifted_comes_back_exactly(price: int, one: Factor, other: Factor) -> None:
    """So an alert that is converted before its shard changes its rates is as it was until then."""
    before, after = sorted((one, other), key=lambda factor: Fraction(*factor))
    lifted = reconverted(ArmedPrices(price, price), None, before, after)
    assert reconverted(lifted, None, after, before) == (price, price)
