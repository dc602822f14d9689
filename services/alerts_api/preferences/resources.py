"""How a traveller wants to be told. Pure."""

from typing import Annotated

from msgspec import Meta, Struct, field

from services.alerts_api.alerts.resources import Currency
from services.alerts_api.http.fields import InvalidFieldError
from services.alerts_api.http.regional import Locale, LocalTime, TimeZone, check_currency, check_time_zone


class QuietHours(Struct, frozen=True, forbid_unknown_fields=True):
    """When pushes wait, in local time; from 22:00 to 07:00 is overnight."""

    from_: LocalTime = field(name="from")
    to: LocalTime


class Preferences(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a traveller wants to be told.

    Without a `time_zone` or a `locale` it is that of each device; without `digest_at` pushes come at once.
    """

    quiet_hours: QuietHours | None = None
    pass_when_exceptional: Annotated[bool, Meta(description="let an exceptional fare through quiet hours")] = False
    time_zone: TimeZone | None = None
    digest_at: Annotated[LocalTime, Meta(description="when all of a day is told together")] | None = None
    most_per_hour: Annotated[int, Meta(ge=1, le=60, description="pushes, at most")] = 6
    most_per_day: Annotated[int, Meta(ge=1, le=500, description="pushes, at most")] = 20
    currency: Currency = "EUR"
    locale: Locale | None = None


def check(preferences: Preferences) -> None:
    """Make sure that preferences make sense.

    Raises:
        InvalidFieldError: the quiet hours are none, or there is no such time zone or currency.
    """
    quiet = preferences.quiet_hours
    if quiet and quiet.from_ == quiet.to:
        raise InvalidFieldError("quiet_hours.to", "is the same as from: leave quiet_hours out for none")
    if preferences.time_zone is not None:
        check_time_zone(preferences.time_zone)
    check_currency(preferences.currency)
