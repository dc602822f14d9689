"""From a notification's row to what is answered. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from services.alerts_api.alerts.resources import Money
from services.alerts_api.notifications.explanations import explain
from services.alerts_api.notifications.resources import (
    Cause,
    Ended,
    Fare,
    Fired,
    Notification,
    NotificationWithCause,
    Rule,
)
from shared.messages import notifications as messages
from shared.messages.notifications import JSON, Expiry, Notice, decode

Row = Mapping[str, Any]

_AS_STORED: Final = (
    "id",
    "alert_id",
    "state",
    "reason",
    "recorded_at",
    "sent_at",
    "delivered_at",
    "opened_at",
    "read_at",
)


def notice_of(row: Row) -> Notice:
    """The notice as the notifier took it from its queue; `content` is its JSON document."""
    return decode(row["content"].encode(), JSON).notices[0]


def notification_of(row: Row) -> Notification:
    """What a list shows of it."""
    return Notification(**_facts(row, notice_of(row)))


def with_cause(row: Row, cause: Cause) -> NotificationWithCause:
    """All that is known of it."""
    return NotificationWithCause(**_facts(row, notice_of(row)), updated_at=row["updated_at"], cause=cause)


def end_of(expiry: Expiry) -> Ended:
    """Why an alert ended."""
    return Ended(expired_at=expiry.expired_at, departure_from=expiry.departure_from, departure_to=expiry.departure_to)


def firing_of(firing: messages.Notification, rule: Rule | None, reference: str) -> Fired:
    """Why an alert fired.

    Args:
        firing: its notice.
        rule: the one that it had, if that is still known.
        reference: the reference currency.
    """
    previous = firing.previous_price
    return Fired(
        fired_at=firing.fired_at,
        fare=_fare(firing.fare),
        previous_price=None if previous is None else Money(previous, firing.fare.currency),
        reference_price=Money(firing.reference_price, reference),
        armed_price=Money(firing.armed_price, reference),
        rule=rule,
    )


def _facts(row: Row, notice: Notice) -> dict[str, Any]:
    return {name: row[name] for name in _AS_STORED} | {
        "kind": "expired" if isinstance(notice, Expiry) else "fired",
        "route": notice.route,
        "price": None if isinstance(notice, Expiry) else _price(notice.fare),
        "explanation": explain(row["state"], row["reason"]),
    }


def _fare(fare: messages.Fare) -> Fare:
    members = msgspec.structs.asdict(fare)
    shown = {name: members[name] for name in Fare.__struct_fields__}
    return Fare(**shown | {"price": _price(fare)})


def _price(fare: messages.Fare) -> Money:
    return Money(fare.price, fare.currency)
