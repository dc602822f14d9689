"""What an alert is to a traveller, and which wishes make a sensible one."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from services.alerts_api.fields import InvalidFieldError
from shared.airports import city_of, is_airport, is_city
from shared.money import MAX_PRICE, Rates, UnknownCurrencyError

MAX_WINDOW = timedelta(days=366)
MAX_AHEAD = timedelta(days=731)
# West of everyone a date ends twelve hours after it has ended in UTC.
_LAST_ZONE = timedelta(hours=12)

Code = Annotated[
    str,
    # Without the length `$` would let a line break through.
    Meta(pattern="^[A-Z]{3}$", max_length=3, description="IATA code of a metropolitan area or an airport"),
]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", max_length=3, description="ISO 4217 code")]


class Money(Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in minor units of its currency: 12000 EUR is 120.00 euros."""

    amount: Annotated[int, Meta(ge=1, le=MAX_PRICE, description="in minor units")]
    currency: Currency


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """Fires at or below a price."""

    kind: Literal["target"]
    price: Money


class AlertRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A traveller's wish, for one-way fares.

    A metropolitan area (`NYC`) stands for all its airports, an airport (`JFK`) for itself alone.
    """

    origin: Code
    destination: Code
    departure_from: date
    departure_to: date
    rule: Target


class Alert(Struct, frozen=True):
    """An alert as its traveller sees it."""

    id: UUID
    origin: str
    destination: str
    departure_from: date
    departure_to: date
    rule: Target
    state: Literal["active", "paused"]
    created_at: datetime
    updated_at: datetime
    last_fired_at: datetime | None


class Plan(Struct, frozen=True):
    """What the fleet watches for a wish: the route, its airports (None: any of the city), the armed price."""

    route: str
    origin_airports: list[str] | None
    destination_airports: list[str] | None
    armed_price: int


def plan(request: AlertRequest, rates: Rates, now: datetime) -> Plan:
    """Work out what to watch.

    Args:
        request: the wish.
        rates: turn the target into the reference currency, in whose minor units the armed price is.
        now: in UTC.

    Raises:
        InvalidFieldError: the wish makes no sense.
    """
    _check_departure(request.departure_from, request.departure_to, now)
    origin, origin_airports = _place("origin", request.origin)
    destination, destination_airports = _place("destination", request.destination)
    if origin == destination:
        raise InvalidFieldError("destination", f"is in the same city as the origin, {origin}")
    armed_price = _armed_price(request.rule.price, rates)
    return Plan(f"{origin}-{destination}", origin_airports, destination_airports, armed_price)


def _check_departure(first: date, last: date, now: datetime) -> None:
    if last < first:
        raise InvalidFieldError("departure_to", "is before departure_from")
    if last < (now - _LAST_ZONE).date():
        raise InvalidFieldError("departure_to", "is in the past")
    if last - first > MAX_WINDOW:
        raise InvalidFieldError("departure_to", f"is more than {MAX_WINDOW.days} days after departure_from")
    if last - now.date() > MAX_AHEAD:
        raise InvalidFieldError("departure_to", f"is more than {MAX_AHEAD.days} days ahead")


def _place(field: str, code: str) -> tuple[str, list[str] | None]:
    """The city, and the airports that it is narrowed to."""
    if is_city(code):
        return code, None
    if is_airport(code):
        return city_of(code), [code]
    raise InvalidFieldError(field, f"{code} is no metropolitan area or airport that we know")


def _armed_price(price: Money, rates: Rates) -> int:
    try:
        return rates.to_reference(price.amount, price.currency)
    except UnknownCurrencyError:
        raise InvalidFieldError("rule.price.currency", f"we have no rate for {price.currency}") from None
