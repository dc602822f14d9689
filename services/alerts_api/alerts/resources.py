"""What an alert is to a traveller: the wish, and what the API says of it."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from shared.alerts.rules import DEFAULT_IMPROVEMENT, Rearm
from shared.messages.notifications import Cabin
from shared.money import MAX_PRICE

# Without the length of each `$` would let a line break through.
Code = Annotated[str, Meta(pattern="^[A-Z]{3}$", max_length=3, description="IATA code")]
Airports = Annotated[list[Code], Meta(min_length=1, max_length=10, description="some airports of one city")]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", max_length=3, description="ISO 4217 code")]
Carrier = Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,3}(?!\n)$", description="IATA or ICAO code of an airline")]
Carriers = Annotated[list[Carrier], Meta(min_length=1, max_length=20)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Weekdays = Annotated[list[Weekday], Meta(min_length=1, max_length=7, description="of the departure")]
Nights = Annotated[int, Meta(ge=0, le=365)]
Stops = Annotated[int, Meta(ge=0, le=7)]
State = Literal["active", "paused", "fired", "expired"]


class Money(Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in minor units of its currency: 12000 EUR is 120.00 euros."""

    amount: Annotated[int, Meta(ge=1, le=MAX_PRICE, description="in minor units")]
    currency: Currency


class Target(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="target"):
    """Fires at or below a price."""

    price: Money


class Drop(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="drop"):
    """Fires a percentage below what the best fare was."""

    percent: Annotated[int, Meta(ge=1, le=90)]
    currency: Currency = "EUR"


class NewLow(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="new_low"):
    """Fires below every fare seen since the alert was made."""

    currency: Currency = "EUR"


class RoundTrip(Struct, frozen=True, forbid_unknown_fields=True):
    """When to return: between two dates, after some nights, or both; one of the two needs an end."""

    return_from: date | None = None
    return_to: date | None = None
    nights_min: Nights | None = None
    nights_max: Nights | None = None


class AlertRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A traveller's wish; null lets everything through. Without `round_trip` it is for one-way fares alone.

    A metropolitan area (`NYC`) stands for all its airports, an airport (`JFK`) for itself alone, a list for some
    airports of one area. Lists are sets: they are answered in an order of ours.
    """

    origin: Code | Airports
    destination: Code | Airports
    departure_from: date
    departure_to: date
    round_trip: RoundTrip | None = None
    weekdays: Weekdays | None = None
    cabin: Cabin | None = None
    max_stops: Stops | None = None
    carriers: Carriers | None = None
    excluded_carriers: Carriers | None = None
    rule: Target | Drop | NewLow
    improvement_percent: Annotated[int, Meta(ge=1, le=50, description="smallest fall worth telling of again")] = (
        DEFAULT_IMPROVEMENT
    )
    rearm: Rearm = "recovery"


class Alert(AlertRequest, frozen=True, kw_only=True):
    """An alert as its traveller sees it.

    `armed_price` is what it fires at next, in the reference currency; null while no fare that it could compare
    with has been seen.
    """

    id: UUID
    state: State
    revision: int
    armed_price: Money | None
    created_at: datetime
    updated_at: datetime
    last_fired_at: datetime | None


class BestFare(Struct, frozen=True, kw_only=True):
    """The cheapest fare that an alert wants, as last seen."""

    origin: str
    destination: str
    departure_date: date
    return_date: date | None
    carrier: str | None
    flight_number: str | None
    departure_time: str | None
    cabin: str
    stops: int
    price: Money
    reference_price: Money
    observed_at: datetime


class Suggestion(Struct, frozen=True, kw_only=True):
    """What would be realistic for a target far below every price that we have seen on its route and dates.

    Of the last 90 days, those on which a price is known count, each with its best price: one in ten was at `price` or
    below, and the lowest of all at `lowest`. Airports, carriers and stops make no difference here.
    """

    price: Money
    lowest: Money
    days: Annotated[int, Meta(ge=1, description="how many days count")]


class AlertWithBestFare(Alert, frozen=True, kw_only=True):
    """An alert just written.

    `best_fare` is null if nothing on sale fits, or if that is not known at the moment; `suggestion` if the rule is no
    target, the target is realistic, or too little is known.
    """

    best_fare: BestFare | None
    best_fare_known: bool
    suggestion: Suggestion | None


class AlertPage(Struct, frozen=True):
    """Some of a traveller's alerts, and how many there are in all; the cursor leads on, null at the end."""

    total: int
    resources: list[Alert]
    next_cursor: str | None
