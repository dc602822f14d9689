"""How a message of several notices is settled by what became of each."""

from datetime import UTC, date, datetime
from uuid import UUID

from services.notifier.telling.settling import settle
from shared.deliveries import DeadLetter, Done, Park, Retry, Several, Unfinished, Wait
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
BUSY = Wait("quota_exceeded", 60)


def test_a_message_is_done_when_all_its_notices_are() -> None:
    assert settle(MESSAGE, {}) == settle(MESSAGE, {STRANGER: Park("shard_unavailable")}) == Done()


def test_only_what_is_unfinished_comes_again_in_its_order() -> None:
    unfinished: dict[UUID, Unfinished] = {THIRD.id: BUSY, FIRST.id: BUSY, STRANGER: Park("shard_unavailable")}
    assert settle(MESSAGE, unfinished) == Wait("quota_exceeded", 60, encode([FIRST, THIRD]), JSON)


def test_what_has_different_fates_is_settled_apart() -> None:
    unfinished: dict[UUID, Unfinished] = {
        FIRST.id: BUSY,
        SECOND.id: Park("shard_unavailable"),
        THIRD.id: DeadLetter("invalid_argument"),
    }
    assert settle(MESSAGE, unfinished) == Several(
        (
            Wait("quota_exceeded", 60, encode([FIRST]), JSON),
            Park("shard_unavailable", encode([SECOND]), JSON),
            DeadLetter("invalid_argument", encode([THIRD]), JSON),
        )
    )


def test_what_has_one_fate_for_different_reasons_is_settled_apart_too() -> None:
    unfinished: dict[UUID, Unfinished] = {FIRST.id: BUSY, THIRD.id: Wait("in_hand_elsewhere", 5)}
    assert settle(MESSAGE, unfinished) == Several(
        (
            Wait("quota_exceeded", 60, encode([FIRST]), JSON),
            Wait("in_hand_elsewhere", 5, encode([THIRD]), JSON),
        )
    )


def test_what_waits_for_one_reason_comes_together_when_the_last_of_it_may() -> None:
    unfinished: dict[UUID, Unfinished] = {FIRST.id: BUSY, THIRD.id: Wait("quota_exceeded", 90)}
    assert settle(MESSAGE, unfinished) == Wait("quota_exceeded", 90, encode([FIRST, THIRD]), JSON)


def test_a_message_of_which_nothing_is_done_comes_again_as_its_sender_wrote_it() -> None:
    assert settle(MESSAGE, dict.fromkeys([FIRST.id, SECOND.id, THIRD.id], BUSY)) == BUSY
    assert settle(Decoded([FIRST], {}), {FIRST.id: Retry("board_unreadable")}) == Retry("board_unreadable")


def test_what_was_set_aside_does_not_come_again_to_be_counted_twice() -> None:
    message = Decoded([FIRST], {"wrong_schema": 1})
    assert settle(message, {FIRST.id: BUSY}) == Wait("quota_exceeded", 60, encode([FIRST]), JSON)
