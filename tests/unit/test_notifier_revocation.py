"""Whether a notice still holds."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest

from services.notifier.vetting.revocation import UNSEEN, Alert, Listing, Revocation, by_alert, by_fare
from shared.messages.notifications import Expiry, Fare, Notification

OBSERVED = datetime(2026, 10, 1, 6, 0, 0, 123_456, tzinfo=UTC)
OBSERVED_MS = 1_790_834_400_123
FARE = Fare(
    origin="BCN",
    destination="BUD",
    departure_date=date(2026, 12, 11),
    cabin="economy",
    stops=0,
    currency="EUR",
    price=8999,
    observed_at=OBSERVED,
)
FIRING = Notification(
    id=UUID(int=1),
    alert_id=UUID(int=2),
    user_id=UUID(int=3),
    revision=4,
    fire_seq=1,
    fired_at=OBSERVED,
    route="BCN-BUD",
    fare=FARE,
    reference_price=8999,
    armed_price=9000,
)
EXPIRY = Expiry(
    id=UUID(int=1),
    alert_id=UUID(int=2),
    user_id=UUID(int=3),
    revision=4,
    expired_at=OBSERVED,
    route="BCN-BUD",
    departure_from=date(2026, 9, 18),
    departure_to=date(2026, 9, 30),
)


@pytest.mark.parametrize(
    ("alert", "firing", "expiry"),
    [
        (None, "alert_deleted", "alert_deleted"),
        (Alert(5, "active"), "alert_edited", "alert_edited"),
        (Alert(5, "paused"), "alert_edited", "alert_edited"),
        (Alert(4, "paused"), "alert_paused", None),
        (Alert(4, "expired"), "alert_expired", None),
        (Alert(4, "fired"), None, None),
        (Alert(4, "active"), None, None),
    ],
)
def test_an_alert_revokes_what_it_no_longer_stands_for(
    alert: Alert | None, firing: str | None, expiry: str | None
) -> None:
    assert firing == by_alert(FIRING, alert)
    assert expiry == by_alert(EXPIRY, alert)


@pytest.mark.parametrize(
    ("listing", "revocation"),
    [
        (None, None),
        (Listing(9000, OBSERVED_MS + 1), Revocation.FARE_GONE),
        (Listing(8999, OBSERVED_MS + 1), None),
        (Listing(8998, OBSERVED_MS + 1), None),
        (Listing(9000, OBSERVED_MS), None),
        (Listing(9000, OBSERVED_MS - 1), None),
    ],
)
def test_a_fare_is_gone_once_it_was_seen_later_at_a_higher_price(
    listing: Listing | None, revocation: Revocation | None
) -> None:
    assert revocation == by_fare(FARE, listing, OBSERVED)


@pytest.mark.parametrize(
    ("now", "revocation"),
    [
        (datetime.combine(FARE.departure_date, time(23, 59), UTC), None),
        (datetime.combine(FARE.departure_date + timedelta(days=1), time(11, 59), UTC), None),
        (datetime.combine(FARE.departure_date + timedelta(days=1), time(12), UTC), Revocation.FARE_DEPARTED),
    ],
)
def test_a_fare_is_for_nobody_once_its_day_is_over_everywhere(now: datetime, revocation: Revocation | None) -> None:
    assert revocation == by_fare(FARE, None, now)


def test_the_instant_of_the_tests_is_what_a_board_holds_of_it() -> None:
    assert timedelta(milliseconds=OBSERVED_MS) == OBSERVED - datetime(1970, 1, 1, 0, 0, 0, 456, tzinfo=UTC)


def test_only_an_alert_that_lives_on_counts_as_not_having_fired() -> None:
    assert {"alert_paused", "fare_gone"} == UNSEEN
