"""What becomes of notifications before anything is sent."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.notifier.deciding.policy import QuietHours, Rules, Standing, Wishes
from services.notifier.deciding.ruling import Ruling, Traveller, rule, to_decide, to_wait, unseen
from services.notifier.gateway import Device
from services.notifier.states import UNREACHABLE, Record, State
from shared.deliveries import Wait
from shared.topology import Lane
from tests.unit.notices import FIRED_AT as NOW
from tests.unit.notices import TRAVELLER, firing

NOTICE = firing()
PHONE = Device(UUID(int=1), TRAVELLER, "android", "en", "UTC", "address", "token")
FREELY = Rules(timedelta(0), caps=False)
WITH_A_PHONE = Traveller([PHONE], Standing(Wishes(ZoneInfo("UTC"))))
SOON, PAST = NOW + timedelta(seconds=30), NOW - timedelta(seconds=30)


def standing(state: str, reason: str = "", **facts: datetime) -> Record:
    return replace(Record(NOTICE.id, date(2026, 10, 1), State(state), reason), **facts)  # type: ignore[arg-type]  # instants all


def ruling(
    record: Record | None = None,
    withheld: Ruling | None = None,
    traveller: Traveller = WITH_A_PHONE,
    lane: Lane = Lane.STANDARD,
) -> Ruling:
    known = {NOTICE.id: record} if record else {}
    kept = {NOTICE.id: withheld} if withheld else {}
    return rule([NOTICE], known, kept, {TRAVELLER: traveller}, lane, FREELY, NOW)[NOTICE.id]


def test_what_stands_nowhere_is_decided_on() -> None:
    assert to_decide([NOTICE], {}, Lane.STANDARD, NOW) == [NOTICE]


@pytest.mark.parametrize(
    ("record", "is_open"),
    [
        (None, False),
        (standing("queued"), True),
        (standing("queued", "quota_exceeded", retry_at=PAST), True),
        (standing("queued", "quota_exceeded", retry_at=SOON), False),
        (standing("held", "quiet_hours", release_at=PAST), True),
        (standing("held", "quiet_hours", release_at=SOON), False),
        (standing("sending"), True),
        (standing("failed", "quota_exceeded"), True),
        *((standing("failed", reason), False) for reason in sorted(UNREACHABLE)),
        *((standing(state), False) for state in ("sent", "suppressed", "dropped", "delivered", "opened")),
    ],
)
def test_of_what_stands_only_what_is_still_to_be_told_is_decided_on(record: Record | None, is_open: bool) -> None:
    assert to_decide([NOTICE], {NOTICE.id: record}, Lane.STANDARD, NOW) == ([NOTICE] if is_open else [])


@pytest.mark.parametrize("record", [standing("held", "digest", release_at=PAST), standing("queued", "digest")])
def test_what_is_for_a_digest_is_left_to_the_lane_of_the_digests(record: Record) -> None:
    assert to_decide([NOTICE], {NOTICE.id: record}, Lane.STANDARD, NOW) == []
    assert to_decide([NOTICE], {NOTICE.id: record}, Lane.DIGEST, NOW) == [NOTICE]


@pytest.mark.parametrize(
    ("record", "wait"),
    [
        (None, Wait("in_hand_elsewhere", 5)),
        (standing("queued", "quota_exceeded", retry_at=SOON), Wait("quota_exceeded", 30)),
        (standing("queued", "quota_exceeded", retry_at=PAST), None),
        (standing("held", "digest", release_at=SOON), None),
        (standing("sent"), None),
    ],
)
def test_what_is_in_hand_elsewhere_or_comes_too_early_comes_again(record: Record | None, wait: Wait | None) -> None:
    assert to_wait({NOTICE.id: record}, NOW) == ({NOTICE.id: wait} if wait else {})


@pytest.mark.parametrize("reason", ["alert_paused", "fare_gone", "alert_deleted", "alert_edited", "alert_expired"])
def test_what_is_dropped_unseen_is_undone_now_and_at_each_repeat_while_its_alert_lives_on(reason: str) -> None:
    expected = [NOTICE.id] if reason in {"alert_paused", "fare_gone"} else []
    assert unseen([NOTICE.id], {}, {NOTICE.id: Ruling(State.DROPPED, reason)}) == expected
    assert unseen([NOTICE.id], {NOTICE.id: standing("dropped", reason)}, {}) == expected
    assert unseen([NOTICE.id], {NOTICE.id: standing("queued", reason)}, {}) == []


def test_a_traveller_with_a_device_is_told() -> None:
    assert ruling() == Ruling(State.SENDING)


def test_without_a_device_it_fails_whatever_the_hour() -> None:
    assert ruling(traveller=replace(WITH_A_PHONE, devices=[])) == Ruling(State.FAILED, "no_device")


def test_what_is_withheld_stays_so_whatever_its_traveller_wishes() -> None:
    gone = Ruling(State.DROPPED, "fare_gone")
    assert ruling(withheld=gone, traveller=replace(WITH_A_PHONE, devices=[])) == gone


def test_what_is_held_is_held_until_its_instant() -> None:
    quiet = Wishes(ZoneInfo("UTC"), QuietHours(NOW.time(), SOON.time()))
    held = ruling(traveller=Traveller([PHONE], Standing(quiet)))
    assert (held.state, held.reason) == (State.HELD, "quiet_hours")
    assert held.release_at is not None
    assert held.release_at >= SOON


@pytest.mark.parametrize("withheld", [None, Ruling(State.DROPPED, "fare_gone")])
def test_what_one_device_has_is_sent_if_the_others_are_not_to_have_it(withheld: Ruling | None) -> None:
    """It has been told: to undo it would have it told twice."""
    reached = replace(standing("queued", "quota_exceeded", retry_at=PAST), reached=frozenset({UUID(int=2)}))
    nobody = replace(WITH_A_PHONE, devices=[])
    assert ruling(reached, withheld, nobody) == Ruling(State.SENT)


def test_what_one_device_has_is_sent_to_the_others_and_waits_for_a_shard_that_is_away() -> None:
    reached = replace(standing("queued", "quota_exceeded", retry_at=PAST), reached=frozenset({UUID(int=2)}))
    assert ruling(reached) == Ruling(State.SENDING)
    waiting = Ruling(State.QUEUED, "shard_unavailable")
    assert ruling(reached, waiting) == waiting
