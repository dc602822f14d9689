"""What a traveller was told, as the API says it, and what the app reports of it. Pure."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from services.alerts_api.alerts.resources import Drop, Money, NewLow, Target

MAX_RECEIPTS = 500

State = Literal["queued", "held", "sending", "sent", "failed", "suppressed", "dropped", "delivered", "opened"]
Rule = Target | Drop | NewLow
Instant = Annotated[datetime, Meta(tz=True)]


class Fare(Struct, frozen=True, kw_only=True):
    """The fare that fired an alert; null is what its source did not say."""

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
    observed_at: datetime


class Fired(Struct, frozen=True, kw_only=True, tag_field="kind", tag="fired"):
    """Why an alert fired: the fare's price crossed the armed price, from above.

    `reference_price` is the fare's and `armed_price` what the alert fired at, both in the reference currency.
    `previous_price` is null for a fare never seen before, `rule` if the alert has been edited or deleted since.
    """

    fired_at: datetime
    fare: Fare
    previous_price: Money | None
    reference_price: Money
    armed_price: Money
    rule: Rule | None


class Ended(Struct, frozen=True, kw_only=True, tag_field="kind", tag="expired"):
    """Why an alert ended: the days of departure that it watched are over."""

    expired_at: datetime
    departure_from: date
    departure_to: date


Cause = Fired | Ended


class Notification(Struct, frozen=True, kw_only=True):
    """What a traveller was told, or not, and what became of it.

    `price` is the one told, null where an alert ended. `reason` is the one word why it is in this state, where there
    is more to say than the state does; `explanation` says it to the traveller.
    """

    id: UUID
    kind: Literal["fired", "expired"]
    alert_id: UUID
    route: str
    price: Money | None
    state: State
    reason: str | None
    explanation: str
    recorded_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    read_at: datetime | None


class NotificationWithCause(Notification, frozen=True, kw_only=True):
    """A notification, since when it is in its state, and why it came about."""

    updated_at: datetime
    cause: Cause


class NotificationPage(Struct, frozen=True):
    """Some of a traveller's notifications, newest first; `next_cursor` leads on, null after the last."""

    resources: list[Notification]
    next_cursor: str | None


class Receipt(Struct, frozen=True, forbid_unknown_fields=True):
    """What happened to a notification on a device, and when by that device's clock."""

    id: UUID
    event: Literal["delivered", "opened", "read"]
    at: Instant


class Receipts(Struct, frozen=True, forbid_unknown_fields=True):
    """What an app has to report."""

    receipts: Annotated[list[Receipt], Meta(min_length=1, max_length=MAX_RECEIPTS)]


class ReadAll(Struct, frozen=True, forbid_unknown_fields=True):
    """Up to when: what has come in meanwhile stays unread."""

    until: Instant
