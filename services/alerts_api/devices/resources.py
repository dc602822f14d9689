"""A traveller's device, as its app enters it."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from services.alerts_api.http.fields import InvalidFieldError
from services.alerts_api.http.regional import Locale, TimeZone, check_time_zone

# `(?!\n)` because `$` alone would let a last line break through.
Token = Annotated[
    str,
    Meta(pattern=r"^[!-~]+(?!\n)$", min_length=1, max_length=4096, description="registration token of Firebase"),
]
InstallationId = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_-]+(?!\n)$", max_length=64, description="installation id of Firebase")
]
AppVersion = Annotated[str, Meta(pattern=r"^[!-~]+(?!\n)$", max_length=64)]
Platform = Literal["android", "ios", "web"]


class DeviceRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Where pushes go, by `token` or by `fid`, and in which language and time zone."""

    platform: Platform
    token: Token | None = None
    fid: InstallationId | None = None
    locale: Locale = "en"
    time_zone: TimeZone = "UTC"
    app_version: AppVersion | None = None


class Device(Struct, frozen=True):
    """A device that pushes go to; what addresses it is its app's to know."""

    id: UUID
    platform: Platform
    addressed_by: Literal["token", "fid"]
    locale: str
    time_zone: str
    app_version: str | None
    last_seen_at: datetime


class DeviceList(Struct, frozen=True):
    """All of a traveller's devices, the last seen first."""

    resources: list[Device]


def check(device: DeviceRequest) -> None:
    """Make sure that a device makes sense.

    Raises:
        InvalidFieldError: it is not addressed in exactly one way, or is in no time zone.
    """
    if device.token is None and device.fid is None:
        raise InvalidFieldError("token", "is missing, and so is fid: give one of them")
    if device.token is not None and device.fid is not None:
        raise InvalidFieldError("fid", "cannot be given together with token")
    check_time_zone(device.time_zone)
