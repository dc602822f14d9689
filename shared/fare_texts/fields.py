"""What the texts in files of fares mean: each function gives a value, or None for a text without sense."""

import re
from datetime import UTC, date, datetime, time
from typing import Final

from shared.messages.codes import CABINS
from shared.messages.columns import MAX_STOPS
from shared.money import UnknownCurrencyError, minor_units

# ISO 4217 has no currency with more decimal digits.
MOST_DECIMALS: Final = 4

_AIRPORT: Final = re.compile(r"[A-Z]{3}")
_PRICE: Final = re.compile(r"([0-9]{1,12})(?:\.([0-9]*))?")
# `2376`, alone or behind a carrier's code: `W6 2376`, `W62376`, `WZZ2376`.
_FLIGHT_NUMBER: Final = re.compile(r"(?:(?:[A-Z]{3}|[A-Z][A-Z0-9]|[0-9][A-Z]) ?)?([0-9]{1,4}[A-Z]?)")


def airport(text: str) -> str | None:
    """Three letters, as capitals."""
    code = text.strip().upper()
    return code if _AIRPORT.fullmatch(code) else None


def instant(text: str) -> datetime | None:
    """An ISO 8601 date or instant; UTC where it says no offset."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def day(text: str) -> date | None:
    """The date of an ISO 8601 date or instant, as it is written."""
    try:
        return datetime.fromisoformat(text.strip()).date()
    except ValueError:
        return None


def clock_time(text: str) -> time | None:
    """`9:05`, `09:05` or `09:05:00`, to the minute; the first of several joined by a slash."""
    try:
        moment = time.fromisoformat(_first(text).zfill(len("09:05")))
    except ValueError:
        return None
    return time(moment.hour, moment.minute)


def flight_number(text: str) -> str | None:
    """Digits and perhaps a letter, without the carrier's code; the first of several joined by a slash."""
    found = _FLIGHT_NUMBER.fullmatch(_first(text).upper())
    return found[1] if found else None


def several(text: str) -> bool:
    """Whether a source joined the values of several flights into this text."""
    return "/" in text


def cabin(text: str) -> str | None:
    """One of the four cabins, however its words are joined."""
    name = re.sub(r"[\s-]+", "_", text.strip().lower())
    return name if name in CABINS else None


def stops(text: str) -> int | None:
    """A whole number up to 7."""
    number = text.strip()
    return int(number) if number in map(str, range(MAX_STOPS + 1)) else None


def currency(text: str) -> str | None:
    """A currency of ISO 4217, as capitals."""
    code = text.strip().upper()
    return code if minor_unit(code) else None


def minor_unit(text: str) -> int | None:
    """The currency's minor unit in steps of `price`: 100 for EUR, 10,000 for JPY."""
    try:
        return int(10 ** (MOST_DECIMALS - minor_units(text.strip().upper())))
    except UnknownCurrencyError:
        return None


def price(text: str) -> int | None:
    """A decimal number in ten-thousandths, exactly; None also for digits too small for any currency."""
    found = _PRICE.fullmatch(text.strip())
    decimals = (found[2] or "").rstrip("0") if found else ""
    if not found or len(decimals) > MOST_DECIMALS:
        return None
    return int(found[1] + decimals.ljust(MOST_DECIMALS, "0"))


def _first(text: str) -> str:
    return text.split("/", 1)[0].strip()
