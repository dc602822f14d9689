"""Rates only go forward, keep their reference currency, and lose no currency that alerts may be in."""

from dataclasses import replace
from datetime import date

import pytest

from fleet.rates.admission import RatesRefusedError, admitted
from shared.money import Rates

USED = Rates(date(2026, 11, 20), "EUR", {"EUR": (1, 1), "USD": (80, 100), "UAH": (1, 48)})
KNOWN = {date(2026, 11, 19): replace(USED, date=date(2026, 11, 19)), USED.date: USED}
NEXT = Rates(date(2026, 11, 23), "EUR", {"EUR": (1, 1), "USD": (81, 100), "KWD": (3, 1)})


def test_newer_rates_come_into_use_and_a_currency_that_they_lack_keeps_its_last_rate() -> None:
    expected = {"EUR": (1, 1), "USD": (81, 100), "UAH": (1, 48), "KWD": (3, 1)}
    assert admitted(NEXT, KNOWN) == Rates(NEXT.date, "EUR", expected)


def test_the_same_rates_again_are_welcome_with_or_without_what_they_lacked() -> None:
    assert admitted(USED, KNOWN) == USED
    merged = admitted(NEXT, KNOWN)
    assert admitted(NEXT, KNOWN | {NEXT.date: merged}) == merged


@pytest.mark.parametrize(
    ("rates", "reason"),
    [
        (replace(USED, factors={"EUR": (1, 1), "USD": (81, 100)}), "other rates of 2026-11-20 for USD"),
        (replace(USED, factors={"EUR": (1, 1), "KWD": (3, 1)}), "other rates of 2026-11-20 for KWD"),
        (replace(NEXT, date=date(2026, 11, 19)), "of 2026-11-19, older than those of 2026-11-20"),
        (replace(NEXT, reference="USD"), "in USD, but the fleet's amounts are in EUR: set REFERENCE_CURRENCY=EUR"),
    ],
)
def test_other_figures_older_rates_and_another_reference_are_refused_in_words(rates: Rates, reason: str) -> None:
    with pytest.raises(RatesRefusedError, match=reason):
        admitted(rates, KNOWN)
