"""Showing prices in other currencies than the reference currency."""

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts_api.fares.rates import Conversion
from services.alerts_api.http.fields import InvalidFieldError
from shared.messages.codes import currency_code
from shared.money import MAX_PRICE, Rates, UnknownCurrencyError

FACTORS = {"EUR": (1, 1), "USD": (4, 5), "JPY": (5, 8), "KWD": (3_001, 10_000), "IDR": (1, 18_700)}
RATES = Rates(date(2026, 11, 20), "EUR", FACTORS)


def convert(price: int, currency: str, into: str | None) -> int:
    codes = np.array([currency_code(currency)])
    return int(Conversion.into(into, RATES).of(np.array([price]), codes)[0])


@given(st.sampled_from(sorted(FACTORS)), st.sampled_from(sorted(FACTORS)), st.integers(1, 10**9))
def test_a_price_is_converted_as_exact_fractions_have_it(currency: str, into: str, price: int) -> None:
    exact = price * Fraction(*FACTORS[currency]) / Fraction(*FACTORS[into])
    if exact > MAX_PRICE:
        assert convert(price, currency, into) == 0
    else:
        assert abs(convert(price, currency, into) - exact) <= Fraction(1, 2) + exact / 10**9


@given(st.sampled_from(sorted(FACTORS)), st.integers(1, MAX_PRICE))
def test_a_price_in_the_currency_asked_for_stays_as_it_is(currency: str, price: int) -> None:
    assert convert(price, currency, currency) == price


def test_without_a_currency_prices_are_shown_in_the_reference_currency() -> None:
    assert Conversion.into(None, RATES).currency == "EUR"
    assert convert(12_000, "USD", None) == 9_600


def test_a_currency_without_a_rate_has_no_amount_and_cannot_be_asked_for() -> None:
    assert convert(12_000, "SEK", "USD") == 0
    with pytest.raises(InvalidFieldError, match="currency: we have no rate for SEK"):
        Conversion.into("SEK", RATES)
    with pytest.raises(UnknownCurrencyError):
        RATES.into("SEK")


def test_rates_out_of_all_proportion_to_a_currency_are_left_out() -> None:
    """Whole columns could not be converted with them."""
    rates = Rates(RATES.date, "EUR", {"EUR": (1, 1), "USD": (1, 2**30), "JPY": (2**20, 1)})
    assert rates.into("USD").factors.keys() == {"USD"}
    assert rates.into("JPY").factors.keys() == {"EUR", "JPY"}
