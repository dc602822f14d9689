"""A notice says what became of the alert."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.alert_worker.announcing import expiry_of, notification_of
from services.alert_worker.transitions import Firing, fire, standing
from shared.messages import notifications
from shared.messages.fare_key import Board, Fare, pack_board, pack_fare
from shared.messages.notifications import Expiry, Notification, expiry_id, notification_id
from tests.unit.alerts import ALERT, ANYTHING, DAY, TRAVELLER, alert

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BOARD, FARE = Board("JFK", "LHR", DAY, None), Fare("BA", "117", "18:25", "economy", 0, "USD")


def announced(board: Board = BOARD, fare: Fare = FARE, **more: object) -> Notification:
    usual: dict[str, Any] = {
        "price": 36_000,
        "quoted": 39_900,
        "observed_at": 1_795_327_200_123,
        "previous": 45_000,
        "source": "test",
    }
    usual.update(more)
    firing = Firing(keys=(pack_board(board), pack_fare(fare)), **usual)
    return notification_of(fire(standing(alert(37_000)), firing), NOW)


def test_a_notification_tells_of_the_fare_and_the_firing() -> None:
    assert announced() == Notification(
        id=notification_id(ALERT, 2, 4, "JFK-LHR:2026-12-24:BA117@18:25:economy:0:USD", 39_900),
        alert_id=ALERT,
        user_id=TRAVELLER,
        revision=2,
        fire_seq=4,
        fired_at=NOW,
        route="NYC-LON",
        fare=notifications.Fare(
            origin="JFK",
            destination="LHR",
            departure_date=DAY,
            carrier="BA",
            flight_number="117",
            departure_time="18:25",
            cabin="economy",
            stops=0,
            currency="USD",
            price=39_900,
            observed_at=datetime(2026, 11, 22, 6, 0, 0, 123_000, tzinfo=UTC),
            source="test",
        ),
        previous_price=45_000,
        reference_price=36_000,
        armed_price=37_000,
    )


def test_what_the_boards_do_not_know_stays_unsaid() -> None:
    notification = announced(fare=Fare(None, None, None, "economy", 0, "USD"), previous=None, source=None)
    assert (notification.previous_price, notification.fare.source) == (None, None)
    assert notification.fare_key == "JFK-LHR:2026-12-24:@:economy:0:USD"


def test_midnight_is_a_time() -> None:
    assert announced(fare=FARE._replace(departure_time="00:00")).fare.departure_time == "00:00"


@pytest.mark.parametrize(
    ("board", "fare", "quoted"),
    [
        (BOARD, Fare("EZY", "9999Z", "23:59", "premium_economy", 7, "USD"), 2**40 - 1),
        (BOARD._replace(return_date=date(2027, 1, 3)), FARE._replace(flight_number="7"), 1),
        (BOARD._replace(departure_date=date(2028, 11, 23), return_date=date(2028, 11, 23)), FARE, 1),
        (BOARD, FARE._replace(currency="KWD", departure_time=None), 1),
    ],
)
def test_the_notifier_can_read_every_fare_that_a_price_worker_takes(board: Board, fare: Fare, quoted: int) -> None:
    """Bounds are checked where messages are read: what one consumer takes, the next must not refuse."""
    notification = announced(board, fare, quoted=quoted)
    assert notifications.decode(notifications.encode([notification]), notifications.JSON).notices == [notification]


def test_an_expiry_tells_of_the_alert_that_has_ended() -> None:
    assert expiry_of(alert(), NOW) == Expiry(
        id=expiry_id(ALERT, 2),
        alert_id=ALERT,
        user_id=TRAVELLER,
        revision=2,
        expired_at=NOW,
        route="NYC-LON",
        departure_from=ANYTHING.departure_from,
        departure_to=ANYTHING.departure_to,
    )
