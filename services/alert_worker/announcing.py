"""From a claim to the notification that tells of it. Pure."""

from datetime import datetime
from typing import Any

from services.alert_worker.matching import Claim
from shared.messages.notifications import Fare, Notification, notification_id


def notification_of(claim: Claim, change: dict[str, Any], route: str, now: datetime) -> Notification:
    """Describe the firing.

    Args:
        claim: which alert fires, and how often it then has.
        change: the row of the change that fires it.
        route: its origin and destination cities.
        now: when the claim is made.
    """
    return Notification(
        id=notification_id(claim.match.alert_id, claim.fire_seq),
        alert_id=claim.match.alert_id,
        user_id=claim.match.user_id,
        fire_seq=claim.fire_seq,
        fired_at=now,
        route=route,
        fare=_fare(change),
        previous_price=change["previous_price"],
        reference_price=claim.price,
        armed_price=claim.match.armed_price,
    )


def _fare(change: dict[str, Any]) -> Fare:
    fields = {name: change[name] for name in Fare.__struct_fields__}
    time = fields["departure_time"]
    return Fare(**fields | {"departure_time": f"{time:%H:%M}" if time is not None else None})
