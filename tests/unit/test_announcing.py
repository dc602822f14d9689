"""A notice says what became of the alert."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from services.alert_worker.announcing import expiry_of, grouped, lane_of, notification_of
from services.alert_worker.transitions import Firing, fire, standing
from shared.messages import notifications
from shared.messages.fare_key import Board, Fare, pack_board, pack_fare
from shared.messages.notifications import ROUTE_NOTICES, Expiry, Notice, Notification, expiry_id, notification_id
from shared.topology import Lane
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


def lane_of_a_departure(day: date) -> Lane:
    return lane_of(announced(BOARD._replace(departure_date=day)))


def test_what_departs_within_three_days_is_urgent() -> None:
    today = NOW.date()
    lanes = [lane_of_a_departure(today + timedelta(days=ahead)) for ahead in (-1, 0, 3, 4, 30)]
    assert lanes == [Lane.URGENT, Lane.URGENT, Lane.URGENT, Lane.STANDARD, Lane.STANDARD]


@pytest.mark.parametrize(("previous", "lane"), [(57_000, Lane.URGENT), (56_999, Lane.STANDARD), (None, Lane.STANDARD)])
def test_what_fell_by_three_tenths_is_urgent(previous: int | None, lane: Lane) -> None:
    assert lane_of(announced(previous=previous)) is lane


def test_the_end_of_an_alert_can_wait() -> None:
    assert lane_of(expiry_of(alert(), NOW)) is Lane.STANDARD


def on(route: str, *, urgent: bool = False) -> Notification:
    notice = announced(previous=80_000) if urgent else announced()
    return msgspec.structs.replace(notice, id=uuid4(), route=route)


def test_a_message_is_of_one_lane_and_one_route() -> None:
    near, far, urgent, near_too = on("NYC-LON"), on("NYC-PAR"), on("NYC-LON", urgent=True), on("NYC-LON")
    assert list(grouped([near, far, urgent, near_too])) == [
        (Lane.STANDARD, "NYC-LON", [near, near_too]),
        (Lane.STANDARD, "NYC-PAR", [far]),
        (Lane.URGENT, "NYC-LON", [urgent]),
    ]


def test_messages_are_few_and_none_is_too_large() -> None:
    notices: list[Notice] = [on("NYC-LON") for _ in range(2 * ROUTE_NOTICES + 1)]
    messages = [some for _, _, some in grouped(notices)]
    assert [len(some) for some in messages] == [ROUTE_NOTICES, ROUTE_NOTICES, 1]
    assert [notice for some in messages for notice in some] == notices


def test_without_notices_there_are_no_messages() -> None:
    assert list(grouped([])) == []
