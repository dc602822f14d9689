"""Currencies and the day's exchange rates: amounts are integer minor units, conversions exact integers."""

import csv
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from functools import cache
from pathlib import Path

import iso4217

from shared.errors import ConfigurationError

_PIVOT = "EUR"  # the European Central Bank quotes everything against the euro
# Twice a price below 2^40 times a numerator below 2^21, and a denominator up to 2^61, stay within 64 bits, so
# whole columns convert in numpy.
MAX_PRICE = 2**40 - 1
_MAX_NUMERATOR = 2**21 - 1
_MIN_FACTOR = Fraction(1, 2**40)
_DATE_FORMATS = ("%Y-%m-%d", "%d %B %Y")  # the bank's historical and daily files


class UnknownCurrencyError(ValueError):
    """There is no such currency, or no rate for it."""


@cache
def _exponents() -> dict[str, int]:
    return {currency.code: currency.exponent for currency in iso4217.Currency if currency.exponent is not None}


def minor_units(currency: str) -> int:
    """How many decimal digits the currency has: 2 for EUR, 0 for JPY.

    Raises:
        UnknownCurrencyError: it is no ISO 4217 currency with minor units.
    """
    try:
        return _exponents()[currency]
    except KeyError:
        raise UnknownCurrencyError(f"{currency!r} is no ISO 4217 currency") from None


@dataclass(frozen=True, slots=True)
class Rates:
    """A dated snapshot of exchange rates into the reference currency.

    `factors` maps a currency to (numerator, denominator): reference minor units = price x numerator / denominator,
    rounded half up.
    """

    date: date
    reference: str
    factors: Mapping[str, tuple[int, int]]

    @classmethod
    def load(cls, path: Path, reference: str = _PIVOT) -> "Rates":
        """Read the European Central Bank's CSV format: a header of currencies, then one dated row against the euro.

        Raises:
            ConfigurationError: the file is missing or misshapen, or lacks the reference currency.
        """
        try:
            day, per_euro = _read_snapshot(path)
            return cls(day, reference, _factors(per_euro, reference))
        except (OSError, ValueError, csv.Error) as error:
            raise ConfigurationError(f"the rates file {path} cannot be used: {error}") from error

    def to_reference(self, amount: int, currency: str) -> int:
        """The amount in minor units of the reference currency.

        Raises:
            UnknownCurrencyError: the snapshot has no rate for the currency.
        """
        try:
            numerator, denominator = self.factors[currency]
        except KeyError:
            raise UnknownCurrencyError(f"no rate for {currency!r} on {self.date}") from None
        return (2 * amount * numerator + denominator) // (2 * denominator)


def _read_snapshot(path: Path) -> tuple[date, dict[str, Fraction]]:
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file, skipinitialspace=True)
        header, values = ([field.strip() for field in next(lines, [])] for _ in range(2))
    if not values or len(values) != len(header):
        raise ValueError(f"{len(header)} headings and under them {len(values)} values: as many are expected")
    per_euro = {
        currency: _rate(currency, value)
        for currency, value in zip(header[1:], values[1:], strict=True)
        if currency in _exponents() and value not in {"", "N/A"}  # old files name old currencies
    }
    return _parse_date(values[0]), per_euro | {_PIVOT: Fraction(1)}


def _rate(currency: str, text: str) -> Fraction:
    with suppress(ValueError, ZeroDivisionError):
        rate = Fraction(text)
        if rate > 0:
            return rate
    raise ValueError(f"{text!r} is no rate of {currency} against {_PIVOT}")


def _parse_date(text: str) -> date:
    for date_format in _DATE_FORMATS:
        try:
            return datetime.strptime(text, date_format).date()  # noqa: DTZ007  # a date has no zone
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no date")


def _factors(per_euro: Mapping[str, Fraction], reference: str) -> dict[str, tuple[int, int]]:
    if reference not in per_euro:
        raise ValueError(f"it has no rate of the reference currency {reference}")
    factors = {}
    for currency, rate in per_euro.items():
        factor = per_euro[reference] / rate * Fraction(10) ** (minor_units(reference) - minor_units(currency))
        if not _MIN_FACTOR <= factor <= _MAX_NUMERATOR:
            raise ValueError(f"the rate of {currency} is out of all proportion to that of {reference}")
        inverse = (1 / factor).limit_denominator(_MAX_NUMERATOR)
        factors[currency] = (inverse.denominator, inverse.numerator)
    return factors
