"""From what became of alerts to the notices that tell of it, and how urgent these are. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from services.alert_worker.transitions import Firing, LockedAlert, Transition
from shared.messages.fare_key import unpack_board, unpack_fare
from shared.messages.notifications import (
    ROUTE_NOTICES,
    Expiry,
    Fare,
    Notice,
    Notification,
    expiry_id,
    notification_id,
)
from shared.topology import Lane

_URGENT_BEFORE_DEPARTURE: Final = timedelta(days=3)


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


def lane_of(notice: Notice) -> Lane:
    """Urgent is what departs within days and what fell so far that the fare will hardly last."""
    if not isinstance(notice, Notification):
        return Lane.STANDARD
    departs_soon = notice.fare.departure_date - notice.day <= _URGENT_BEFORE_DEPARTURE
    return Lane.URGENT if departs_soon or notice.is_exceptional else Lane.STANDARD


def grouped(notices: Iterable[Notice]) -> Iterator[tuple[Lane, str, Sequence[Notice]]]:
    """Put them into as few messages as there can be: each is of one lane and one route, which come first."""
    for (lane, route), group in groupby(sorted(notices, key=_lane_and_route), key=_lane_and_route):
        of_one = list(group)
        for start in range(0, len(of_one), ROUTE_NOTICES):
            yield lane, route, of_one[start : start + ROUTE_NOTICES]


def _lane_and_route(notice: Notice) -> tuple[Lane, str]:
    return lane_of(notice), notice.route


def _fare(firing: Firing) -> Fare:
    board, fare = unpack_board(firing.keys[0]), unpack_fare(firing.keys[1])
    return Fare(
        **board._asdict(),
        **fare._asdict(),
        price=firing.quoted,
        observed_at=datetime.fromtimestamp(firing.observed_at / 1000, UTC),
        source=firing.source,
    )
