"""A chart of prices in several currencies, drawn in one."""

from datetime import date, timedelta

from services.alerts_api.fares.charts import in_one_currency
from services.alerts_api.fares.rates import Conversion
from services.alerts_api.fares.resources import DayOfPrices
from shared.money import MAX_PRICE, Rates
from shared.price_history.days import DayPrices

DAY = date(2026, 11, 20)
RATES = Rates(DAY, "EUR", {"EUR": (1, 1), "USD": (4, 5)})


def chart(currency: str, *prices: DayPrices) -> list[DayOfPrices]:
    return in_one_currency(prices, Conversion.into(currency, RATES))


def test_a_price_in_the_currency_asked_for_is_shown_as_it_was_quoted() -> None:
    (shown,) = chart("USD", DayPrices(DAY, "USD", 9_999, 12_001, 10_003, 4))
    assert DayOfPrices(day=DAY, low=9_999, last=10_003, high=12_001, changes=4) == shown


def test_of_several_currencies_the_best_and_the_worst_count_in_the_one_asked_for() -> None:
    (shown,) = chart(
        "EUR", DayPrices(DAY, "EUR", 9_000, 9_500, 9_300, 1), DayPrices(DAY, "USD", 11_000, 14_000, 11_500, 2)
    )
    assert DayOfPrices(day=DAY, low=8_800, last=9_200, high=11_200, changes=3) == shown


def test_what_has_no_rate_is_left_out_and_a_day_of_nothing_else_too() -> None:
    krona = DayPrices(DAY, "SEK", 100, 100, 100, 1)
    (shown,) = chart("EUR", DayPrices(DAY, "EUR", 12_000, 12_000, 12_000, 1), krona)
    assert shown.high == 12_000
    assert chart("EUR", krona) == []


def test_an_amount_beyond_all_that_we_show_is_left_out() -> None:
    assert chart("EUR", DayPrices(DAY, "EUR", MAX_PRICE, MAX_PRICE, MAX_PRICE, 1))
    assert chart("USD", DayPrices(DAY, "EUR", 9_000, MAX_PRICE, 9_000, 1)) == []


def test_days_come_in_their_order_and_nothing_gives_nothing() -> None:
    prices = [DayPrices(DAY + timedelta(days=later), "EUR", 1, 1, 1, 1) for later in range(3)]
    assert [DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)] == [day.day for day in chart("EUR", *prices)]
    assert chart("EUR") == []
