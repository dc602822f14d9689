"""A claim's notification says what the change said."""

from datetime import UTC, datetime
from uuid import UUID

from services.alert_worker.announcing import notification_of
from services.alert_worker.matching import Claim, Match
from shared.messages import notifications
from shared.messages.notifications import Fare, Notification, notification_id
from tests.unit.fares import NOW, Document, change, changes_of

ALERT, TRAVELLER = UUID(int=1), UUID(int=2)
CLAIM = Claim(Match(ALERT, TRAVELLER, armed_price=37000, fire_seq=3, position=0), price=36000, next_armed_price=35280)


def announced(document: Document) -> Notification:
    (row,) = changes_of(document).rows.to_pylist()
    return notification_of(CLAIM, row, "NYC-LON", NOW)


def test_a_notification_tells_of_the_fare_and_the_firing() -> None:
    assert announced(change()) == Notification(
        id=notification_id(ALERT, 4),
        alert_id=ALERT,
        user_id=TRAVELLER,
        fire_seq=4,
        fired_at=NOW,
        route="NYC-LON",
        fare=Fare(
            origin="JFK",
            destination="LHR",
            departure_date=datetime(2026, 12, 24, tzinfo=UTC).date(),
            carrier="BA",
            flight_number="117",
            departure_time="18:25",
            cabin="economy",
            stops=0,
            currency="USD",
            price=39900,
            observed_at=datetime(2026, 11, 22, 6, tzinfo=UTC),
            source="test",
        ),
        previous_price=45000,
        reference_price=36000,
        armed_price=37000,
    )


def test_what_the_source_did_not_say_stays_unsaid() -> None:
    unknown = {"carrier": None, "flight_number": None, "departure_time": None}
    notification = announced(change(**unknown, previous_price=None, previous_reference_price=None))

    assert notification.previous_price is None
    assert notification.fare_key == "JFK-LHR:2026-12-24:@:economy:0:USD"


def test_midnight_is_a_time() -> None:
    assert announced(change(departure_time="00:00")).fare.departure_time == "00:00"


def test_the_notifier_can_read_every_fare_that_a_price_worker_takes() -> None:
    """Bounds are checked where messages are read: what one consumer takes, the next must not refuse."""
    extremes = (
        change(carrier="EZY", flight_number="9999Z", stops=7, cabin="premium_economy", price=2**40 - 1),
        change(flight_number="0007", return_date="2027-01-03", price=1, source="\N{AIRPLANE}" * 64),
        change(departure_time=None, departure_date="2028-11-23", return_date="2028-11-23", currency="KWD"),
    )
    for document in extremes:
        notification = announced(document)
        assert notification == notifications.decode(notifications.encode(notification), notifications.JSON)
