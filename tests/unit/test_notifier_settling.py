"""How a message of several notices is settled by what became of each."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from services.notifier.settling import settle
from shared.deliveries import Done, Park, Retry
from shared.messages.notifications import JSON, Decoded, Expiry, encode

FIRST, SECOND, THIRD = NOTICES = [
    Expiry(
        id=UUID(int=number),
        alert_id=UUID(int=number),
        user_id=UUID(int=9),
        revision=0,
        expired_at=datetime(2026, 10, 1, tzinfo=UTC),
        route="BCN-BUD",
        departure_from=date(2026, 9, 1),
        departure_to=date(2026, 9, 30),
    )
    for number in range(3)
]
MESSAGE = Decoded(NOTICES, {})
STRANGER = UUID(int=7)


def test_a_message_is_done_when_all_its_notices_are() -> None:
    assert settle(MESSAGE, {}) == settle(MESSAGE, {STRANGER: "shard_unavailable"}) == Done()


def test_only_what_is_unfinished_comes_again_in_its_order() -> None:
    unfinished = {THIRD.id: "quota_exceeded", FIRST.id: "in_hand_elsewhere", STRANGER: "shard_unavailable"}
    assert settle(MESSAGE, unfinished) == Retry("in_hand_elsewhere", encode([FIRST, THIRD]), JSON)


@pytest.mark.parametrize("reason", ["shard_unavailable", "map_moved"])
def test_while_one_waits_for_its_shard_no_try_of_the_others_counts(reason: str) -> None:
    unfinished = {FIRST.id: "quota_exceeded", SECOND.id: reason}
    assert settle(MESSAGE, unfinished) == Park(reason, encode([FIRST, SECOND]), JSON)


def test_a_message_of_which_nothing_is_done_comes_again_as_its_sender_wrote_it() -> None:
    assert settle(MESSAGE, dict.fromkeys([FIRST.id, SECOND.id, THIRD.id], "quota_exceeded")) == Retry("quota_exceeded")
    assert settle(Decoded([FIRST], {}), {FIRST.id: "map_moved"}) == Park("map_moved")


def test_what_was_set_aside_does_not_come_again_to_be_counted_twice() -> None:
    message = Decoded([FIRST], {"wrong_schema": 1})
    assert settle(message, {FIRST.id: "quota_exceeded"}) == Retry("quota_exceeded", encode([FIRST]), JSON)
