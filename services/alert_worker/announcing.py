"""From what became of an alert to the notification that tells of it. Pure."""

from datetime import UTC, datetime

from services.alert_worker.transitions import Firing, LockedAlert, Transition
from shared.messages.fare_key import unpack_board, unpack_fare
from shared.messages.notifications import Expiry, Fare, Notification, expiry_id, notification_id


def notification_of(transition: Transition, now: datetime) -> Notification:
    """Tell of a firing; `now` is when it is claimed."""
    alert, firing, reached = transition.alert, transition.firing, transition.reached
    assert firing, "only what fires is told of"
    assert reached is not None
    return Notification(
        id=notification_id(alert.id, alert.revision, transition.fire_seq, firing.name, firing.quoted),
        alert_id=alert.id,
        user_id=alert.user_id,
        revision=alert.revision,
        fire_seq=transition.fire_seq,
        fired_at=now,
        route=alert.filters.route,
        fare=_fare(firing),
        previous_price=firing.previous,
        reference_price=firing.price,
        armed_price=reached,
    )


def expiry_of(alert: LockedAlert, now: datetime) -> Expiry:
    """Tell of an alert's end."""
    return Expiry(
        id=expiry_id(alert.id, alert.revision),
        alert_id=alert.id,
        user_id=alert.user_id,
        revision=alert.revision,
        expired_at=now,
        route=alert.filters.route,
        departure_from=alert.filters.departure_from,
        departure_to=alert.filters.departure_to,
    )


def _fare(firing: Firing) -> Fare:
    board, fare = unpack_board(firing.keys[0]), unpack_fare(firing.keys[1])
    return Fare(
        **board._asdict(),
        **fare._asdict(),
        price=firing.quoted,
        observed_at=datetime.fromtimestamp(firing.observed_at / 1000, UTC),
        source=firing.source,
    )
