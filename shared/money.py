"""Currencies and the day's exchange rates: amounts are integer minor units, conversions exact integers."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path

import iso4217

from shared.errors import ConfigurationError
from shared.rates.central_bank import EURO, Quotations, read

# Twice a price below 2^40 times a numerator below 2^21, and a denominator up to 2^61, stay within 64 bits, so
# whole columns convert in numpy.
MAX_PRICE = 2**40 - 1
_MAX_NUMERATOR = 2**21 - 1
_MAX_DENOMINATOR = 2**61
_MIN_FACTOR = Fraction(1, 2**40)

# (numerator, denominator): reference minor units = price x numerator / denominator, rounded half up.
Factor = tuple[int, int]


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


def converted(amount: int, factor: Factor) -> int:
    """An amount of at least 0 at a factor, rounded half up."""
    numerator, denominator = factor
    return (2 * amount * numerator + denominator) // (2 * denominator)


@dataclass(frozen=True, slots=True)
class Rates:
    """A dated snapshot of exchange rates into the reference currency: a factor for each currency.

    Raises:
        ValueError: a factor is of no known currency, or whole columns could not be converted with it.
    """

    date: date
    reference: str
    factors: Mapping[str, Factor]

    def __post_init__(self) -> None:
        for currency, (numerator, denominator) in self.factors.items():
            minor_units(currency)
            if not (0 < numerator <= _MAX_NUMERATOR and 0 < denominator <= _MAX_DENOMINATOR):
                raise ValueError(f"{numerator}/{denominator} is no factor of {currency}")

    @classmethod
    def load(cls, path: Path, reference: str = EURO) -> "Rates":
        """Read a file of the European Central Bank, CSV or XML; of several days the newest counts.

        Raises:
            ConfigurationError: the file is missing or misshapen, or lacks the reference currency.
        """
        try:
            day, quotations = read(path.read_bytes())
            return cls(day, reference, _factors(_per_euro(quotations), reference))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the rates file {path} cannot be used: {error}") from error

    def factor_of(self, currency: str) -> Factor:
        """The factor of a currency.

        Raises:
            UnknownCurrencyError: the snapshot has no rate for it.
        """
        try:
            return self.factors[currency]
        except KeyError:
            raise UnknownCurrencyError(f"no rate for {currency!r} on {self.date}") from None

    def to_reference(self, amount: int, currency: str) -> int:
        """The amount in minor units of the reference currency.

        Raises:
            UnknownCurrencyError: the snapshot has no rate for the currency.
        """
        return converted(amount, self.factor_of(currency))

    def into(self, currency: str) -> "Rates":
        """The same day's rates into another currency, without those that are out of all proportion to it.

        Raises:
            UnknownCurrencyError: the snapshot has no rate for the currency.
        """
        unit = Fraction(*self.factor_of(currency))
        factors = {each: _nearest_factor(Fraction(*factor) / unit) for each, factor in self.factors.items()}
        return Rates(self.date, currency, {each: factor for each, factor in factors.items() if factor})


def _per_euro(quotations: Quotations) -> dict[str, Fraction]:
    """Old files name old currencies: they are left out."""
    known = {currency: _rate(currency, text) for currency, text in quotations.items() if currency in _exponents()}
    return known | {EURO: Fraction(1)}


def _rate(currency: str, text: str) -> Fraction:
    with suppress(ValueError, ZeroDivisionError):
        rate = Fraction(text)
        if rate > 0:
            return rate
    raise ValueError(f"{text!r} is no rate of {currency} against {EURO}")


def _factors(per_euro: Mapping[str, Fraction], reference: str) -> dict[str, Factor]:
    if reference not in per_euro:
        raise ValueError(f"it has no rate of the reference currency {reference}")
    factors = {}
    for currency, rate in per_euro.items():
        factor = _nearest_factor(
            per_euro[reference] / rate * Fraction(10) ** (minor_units(reference) - minor_units(currency))
        )
        if factor is None:
            raise ValueError(f"the rate of {currency} is out of all proportion to that of {reference}")
        factors[currency] = factor
    return factors


def _nearest_factor(exact: Fraction) -> Factor | None:
    """The nearest factor that whole columns can be converted with; None where there is none near."""
    if not _MIN_FACTOR <= exact <= _MAX_NUMERATOR:
        return None
    inverse = (1 / exact).limit_denominator(_MAX_NUMERATOR)
    return inverse.denominator, inverse.numerator
