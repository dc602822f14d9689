"""Where travellers are: languages, time zones and currencies, as apps name them. Pure."""

from functools import cache
from importlib.resources import files
from typing import Annotated

from msgspec import Meta

from services.alerts_api.http.fields import InvalidFieldError
from shared.money import UnknownCurrencyError, minor_units

# `(?!\n)` because `$` alone would let a last line break through.
Locale = Annotated[
    str, Meta(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*(?!\n)$", max_length=35, description="BCP 47, as `de-CH`")
]
TimeZone = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_+/-]+(?!\n)$", max_length=64, description="of the IANA database, as `Europe/Rome`")
]
# Without the length `$` would let a line break through.
LocalTime = Annotated[
    str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", max_length=5, description="of the day, as `22:30`")
]


def check_time_zone(name: str) -> None:
    """Make sure that there is such a time zone.

    Raises:
        InvalidFieldError: there is none.
    """
    if name not in _time_zones():
        raise InvalidFieldError("time_zone", f"{name} is no time zone of the IANA database")


def check_currency(code: str) -> None:
    """Make sure that amounts can be written in this currency.

    Raises:
        InvalidFieldError: ISO 4217 knows none of this code, or gives it no minor units.
    """
    try:
        minor_units(code)
    except UnknownCurrencyError:
        raise InvalidFieldError("currency", f"{code} is no currency of ISO 4217") from None


@cache
def _time_zones() -> frozenset[str]:
    """The zones of the tzdata package: the system's own may lack some, and have files that are none."""
    return frozenset(files("tzdata").joinpath("zones").read_text().split())
