"""Which snapshot may follow those that a fleet has used. Pure."""

from collections.abc import Mapping
from datetime import date

from shared.errors import FarelarkError
from shared.money import Rates


class RatesRefusedError(FarelarkError):
    """A snapshot cannot come into use."""


def admitted(rates: Rates, known: Mapping[date, Rates]) -> Rates:
    """The snapshot as it comes into use: a currency that it lacks keeps its last rate, for alerts may be in it.

    Args:
        rates: the new snapshot, or once more the last one.
        known: every snapshot that the shards have taken in, also one whose load was cut short.

    Raises:
        RatesRefusedError: it is older than the last one, has other figures for the same day, or is in another
            reference currency.
    """
    last = known[max(known)]
    if rates.reference != last.reference:
        raise RatesRefusedError(
            f"these rates are in {rates.reference}, but the fleet's amounts are in {last.reference}: "
            f"set REFERENCE_CURRENCY={last.reference}"
        )
    if rates.date < last.date:
        raise RatesRefusedError(f"these rates are of {rates.date}, older than those of {last.date} that the fleet has")
    merged = Rates(rates.date, rates.reference, {**last.factors, **rates.factors})
    if rates.date == last.date and merged != last:
        differing = sorted(c for c, factor in merged.factors.items() if last.factors.get(c) != factor)
        raise RatesRefusedError(
            f"the fleet has other rates of {rates.date} for {', '.join(differing)}: rates of a day never change, "
            "load those of the next one"
        )
    return merged
