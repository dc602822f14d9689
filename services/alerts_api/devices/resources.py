"""A traveller's device, as its app enters it."""

from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct

from services.alerts_api.http.fields import InvalidFieldError

# `(?!\n)` because `$` alone would let a last line break through.
Token = Annotated[
    str,
    Meta(pattern=r"^[!-~]+(?!\n)$", min_length=1, max_length=4096, description="registration token of Firebase"),
]
Locale = Annotated[
    str, Meta(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*(?!\n)$", max_length=35, description="BCP 47, as `de-CH`")
]
TimeZone = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_+/-]+(?!\n)$", max_length=64, description="of the IANA database, as `Europe/Rome`")
]
AppVersion = Annotated[str, Meta(pattern=r"^[!-~]+(?!\n)$", max_length=64)]


class DeviceRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Where pushes go, and in which language and time zone."""

    token: Token
    platform: Literal["android", "ios", "web"]
    locale: Locale = "en"
    time_zone: TimeZone = "UTC"
    app_version: AppVersion | None = None


class Device(Struct, frozen=True):
    """A device that pushes go to."""

    id: UUID
    platform: Literal["android", "ios", "web"]
    locale: str
    time_zone: str
    app_version: str | None


def check_time_zone(name: str) -> None:
    """Make sure that there is such a time zone.

    Raises:
        InvalidFieldError: there is none.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidFieldError("time_zone", f"{name} is no time zone of the IANA database") from error
