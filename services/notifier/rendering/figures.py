"""Amounts, shares, counts, days and times as a traveller's locale writes them, by Babel's data.

What Babel writes is remembered within bounds: a hot route tells thousands of travellers of the same fares and days.
"""

from copy import copy
from datetime import date, time
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_interval, format_skeleton, format_time
from babel.numbers import NumberPattern, format_decimal, format_percent

from shared.money import minor_units

FALLBACK_LOCALE = Locale("en")


@lru_cache(maxsize=1_024)
def locale_of(name: str) -> Locale:
    """Return the locale of a name that came from a device, or English for what is none."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return FALLBACK_LOCALE


@lru_cache(maxsize=16_384)
def money(amount: int, currency: str, locale: Locale) -> str:
    """Write an amount of minor units with exactly the digits that ISO 4217 gives its currency.

    CLDR knows other numbers of digits for some currencies and would round what was quoted.
    """
    digits = minor_units(currency)
    exact = Decimal(amount).scaleb(-digits)
    return str(_money_pattern(locale, digits).apply(exact, locale, currency=currency, currency_digits=False))


@lru_cache(maxsize=1_024)
def _money_pattern(locale: Locale, digits: int) -> NumberPattern:
    pattern: NumberPattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return pattern


@lru_cache(maxsize=1_024)
def percent(share: int, locale: Locale) -> str:
    """Write a share in percent."""
    return format_percent(Decimal(share) / 100, locale=locale)


@lru_cache(maxsize=1_024)
def number(count: int, locale: Locale) -> str:
    """Write how many there are."""
    return format_decimal(count, locale=locale)


@lru_cache(maxsize=4_096)
def day(on: date, this_year: int, locale: Locale) -> str:
    """Write a day with its weekday, and with its year where that is another one."""
    return format_skeleton("MMMEd" if on.year == this_year else "yMMMEd", on, locale=locale)


@lru_cache(maxsize=1_024)
def days(first: date, last: date, this_year: int, locale: Locale) -> str:
    """Write the days from the first to the last, with years where one is another; equal ones are one day."""
    skeleton = "MMMd" if first.year == last.year == this_year else "yMMMd"
    return format_interval(first, last, skeleton, locale=locale)


@lru_cache(maxsize=4_096)
def clock(local_time: str, locale: Locale) -> str:
    """Write a time of day such as `18:25`."""
    return format_time(time.fromisoformat(local_time), "short", locale=locale)
