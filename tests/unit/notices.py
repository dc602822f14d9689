"""Builders of notices: firings of alerts of one traveller, and their ends."""

from datetime import UTC, date, datetime
from uuid import UUID

from shared.messages.notifications import Expiry, Fare, Notification, expiry_id, notification_id

TRAVELLER = UUID(int=7)
FIRED_AT = datetime(2026, 10, 1, 6, tzinfo=UTC)
DEPARTURE = date(2026, 12, 11)


def alert(number: int) -> UUID:
    return UUID(int=1_000 + number)


def firing(
    number: int = 1,
    fire_seq: int = 1,
    *,
    price: int = 9_000,
    previous: int | None = 10_000,
    revision: int = 0,
    departure: date = DEPARTURE,
    returning: date | None = None,
) -> Notification:
    """A firing of the alert of that number."""
    return Notification(
        id=notification_id(alert(number), revision, fire_seq, f"{departure}:{returning}", price),
        alert_id=alert(number),
        user_id=TRAVELLER,
        revision=revision,
        fire_seq=fire_seq,
        fired_at=FIRED_AT,
        route="BCN-BUD",
        fare=Fare(
            origin="BCN",
            destination="BUD",
            departure_date=departure,
            return_date=returning,
            cabin="economy",
            stops=0,
            currency="EUR",
            price=price,
            observed_at=FIRED_AT,
        ),
        previous_price=previous,
        reference_price=price,
        armed_price=price,
    )


def expiry(number: int = 1) -> Expiry:
    """The end of the alert of that number."""
    return Expiry(
        id=expiry_id(alert(number), 0),
        alert_id=alert(number),
        user_id=TRAVELLER,
        revision=0,
        expired_at=FIRED_AT,
        route="BCN-BUD",
        departure_from=DEPARTURE,
        departure_to=DEPARTURE,
    )
