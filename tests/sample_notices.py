"""A firing and the end of its alert, for tests to which it does not matter of what."""

from datetime import UTC, date, datetime
from uuid import UUID

from shared.messages.notifications import Expiry, Fare, Notification

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
NOTIFICATION, ALERT, USER = UUID(int=1), UUID(int=2), UUID(int=3)

FARE = Fare(
    origin="JFK",
    destination="LHR",
    departure_date=date(2026, 12, 24),
    cabin="economy",
    stops=0,
    currency="USD",
    price=39900,
    observed_at=NOW,
    source="test",
)
FIRING = Notification(
    id=NOTIFICATION,
    alert_id=ALERT,
    user_id=USER,
    fire_seq=1,
    fired_at=NOW,
    route="NYC-LON",
    fare=FARE,
    previous_price=45000,
    reference_price=36000,
    armed_price=37000,
)
EXPIRY = Expiry(
    id=NOTIFICATION,
    alert_id=ALERT,
    user_id=USER,
    revision=0,
    expired_at=NOW,
    route="NYC-LON",
    departure_from=date(2026, 11, 1),
    departure_to=date(2026, 11, 30),
)
