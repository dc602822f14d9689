"""When a traveller is told what: every rule, and which comes first."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.notifier.deciding.policy import (
    Decision,
    Hold,
    QuietHours,
    Rules,
    Send,
    Standing,
    Suppress,
    Suppression,
    Told,
    Waiting,
    Wishes,
    decide,
    decide_digest,
)
from shared.messages.notifications import Notice
from tests.unit.notices import alert, expiry, firing

BERLIN = ZoneInfo("Europe/Berlin")  # in October two hours before UTC
NOON, MIDNIGHT = datetime(2026, 10, 1, 10, tzinfo=UTC), datetime(2026, 10, 1, 22, tzinfo=UTC)
NIGHT = QuietHours(time(22), time(7, 30))
RULES = Rules(cooldown=timedelta(hours=1))

AT_ONCE = Wishes(BERLIN)
BY_NIGHT = replace(AT_ONCE, quiet_hours=NIGHT)
WOKEN = replace(BY_NIGHT, pass_when_exceptional=True)
AT_SIX = replace(AT_ONCE, digest_at=time(18))

SUPERSEDED = Suppress(Suppression.SUPERSEDED)
HOURLY_CAP = Suppress(Suppression.HOURLY_CAP)
DAILY_CAP = Suppress(Suppression.DAILY_CAP)

EXCEPTIONAL = firing(price=7_000)
ORDINARY = firing(price=7_001)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def told(at: datetime, number: int = 1, fire_seq: int = 1, revision: int = 0) -> dict[UUID, Told]:
    return {alert(number): Told(at, revision, fire_seq)}


def decisions(
    notices: list[Notice], standing: Standing, now: datetime = NOON, *, rules: Rules = RULES, digest: bool = False
) -> list[Decision]:
    """What is decided on each of them, in their order."""
    decided = (decide_digest if digest else decide)(notices, standing, rules, now)
    assert {notice.id for notice in notices} == decided.keys()
    return [decided[notice.id] for notice in notices]


def alone(notice: Notice, standing: Standing, now: datetime = NOON, *, rules: Rules = RULES) -> Decision:
    return decisions([notice], standing, now, rules=rules)[0]


# The traveller's share of what leaves at a full or half hour leaves two minutes and seven seconds later.
MORNING = Hold(utc("2026-10-02T05:32:07"), Waiting.QUIET_HOURS)


@pytest.mark.parametrize(
    ("notice", "wishes", "now", "expected"),
    [
        (ORDINARY, AT_ONCE, MIDNIGHT, Send()),
        (ORDINARY, BY_NIGHT, NOON, Send()),
        (ORDINARY, BY_NIGHT, MIDNIGHT, MORNING),
        (ORDINARY, WOKEN, MIDNIGHT, MORNING),
        (EXCEPTIONAL, BY_NIGHT, MIDNIGHT, MORNING),
        (EXCEPTIONAL, WOKEN, MIDNIGHT, Send()),
        (expiry(), BY_NIGHT, NOON, Send()),
        (expiry(), WOKEN, MIDNIGHT, MORNING),
    ],
)
def test_nobody_is_woken_who_did_not_ask_for_it(
    notice: Notice, wishes: Wishes, now: datetime, expected: Decision
) -> None:
    assert expected == alone(notice, Standing(wishes), now)


SIX = Hold(utc("2026-10-01T16:02:07"), Waiting.DIGEST)
SIX_TOMORROW = Hold(utc("2026-10-02T16:02:07"), Waiting.DIGEST)
DIGEST_IN_THE_MORNING = Hold(utc("2026-10-02T05:32:07"), Waiting.DIGEST)


@pytest.mark.parametrize(
    ("notice", "wishes", "now", "expected"),
    [
        (ORDINARY, AT_SIX, NOON, SIX),
        (EXCEPTIONAL, replace(AT_SIX, pass_when_exceptional=True), NOON, SIX),
        (ORDINARY, AT_SIX, utc("2026-10-01T16:00"), SIX_TOMORROW),
        (ORDINARY, replace(AT_SIX, quiet_hours=NIGHT), MIDNIGHT, SIX_TOMORROW),
        # Its hour lies in quiet hours: it comes when they end, also for what fires between the two.
        (ORDINARY, replace(BY_NIGHT, digest_at=time(23)), NOON, DIGEST_IN_THE_MORNING),
        (EXCEPTIONAL, replace(WOKEN, digest_at=time(23)), MIDNIGHT, DIGEST_IN_THE_MORNING),
        (ORDINARY, replace(BY_NIGHT, digest_at=time(7, 30)), MIDNIGHT, DIGEST_IN_THE_MORNING),
        # Minutes later it would be quiet again: it leaves at the instant itself.
        (ORDINARY, replace(BY_NIGHT, digest_at=time(21, 59)), NOON, Hold(utc("2026-10-01T19:59"), Waiting.DIGEST)),
        (expiry(), AT_SIX, NOON, Send()),
    ],
)
def test_a_digest_comes_at_its_hour(notice: Notice, wishes: Wishes, now: datetime, expected: Decision) -> None:
    assert expected == alone(notice, Standing(wishes), now)


def test_a_digest_is_not_due_where_a_gap_leads_into_quiet_hours() -> None:
    """02:30 does not come, 03:00 comes in its place and is quiet until 04:00."""
    wishes = Wishes(BERLIN, QuietHours(time(3), time(4)), digest_at=time(2, 30))
    expected = Hold(utc("2026-03-29T02:02:07"), Waiting.DIGEST)
    assert expected == alone(ORDINARY, Standing(wishes), utc("2026-03-28T22:00"))


@pytest.mark.parametrize(
    ("notice", "told_at", "expected"),
    [
        (firing(1, 2), NOON - timedelta(minutes=20), Hold(NOON + timedelta(minutes=40), Waiting.COOLDOWN)),
        (firing(1, 2, price=1_000), NOON - timedelta(minutes=20), Hold(NOON + timedelta(minutes=40), Waiting.COOLDOWN)),
        (firing(1, 2), NOON - timedelta(hours=1), Send()),
        (firing(2, 2), NOON - timedelta(minutes=20), Send()),
        (expiry(1), NOON - timedelta(minutes=20), Send()),
    ],
)
def test_an_alert_is_not_told_again_within_its_cooldown(notice: Notice, told_at: datetime, expected: Decision) -> None:
    assert expected == alone(notice, Standing(AT_ONCE, last_told=told(told_at)))


def test_a_cooldown_that_ends_by_night_is_decided_on_in_the_morning() -> None:
    standing = Standing(BY_NIGHT, last_told=told(MIDNIGHT - timedelta(minutes=1)))
    assert alone(firing(1, 2), standing, MIDNIGHT) == MORNING


def test_without_a_cooldown_an_alert_is_told_again_at_once() -> None:
    assert Send() == alone(firing(1, 2), Standing(AT_ONCE, last_told=told(NOON)), rules=Rules(timedelta(0)))


@pytest.mark.parametrize(
    ("revision", "fire_seq", "expected"),
    [(1, 4, SUPERSEDED), (0, 9, SUPERSEDED), (1, 5, Send()), (1, 6, Send()), (2, 1, Send())],
)
@pytest.mark.parametrize("digest", [False, True])
def test_what_a_later_push_of_its_alert_has_told_is_not_told(
    revision: int, fire_seq: int, expected: Decision, digest: bool
) -> None:
    """One of the same number is another firing, after a crash: it has not been told itself."""
    standing = Standing(AT_ONCE, last_told=told(NOON - timedelta(days=1), fire_seq=5, revision=1))
    assert [expected] == decisions([firing(1, fire_seq, revision=revision)], standing, digest=digest)


@pytest.mark.parametrize("digest", [False, True])
def test_it_is_so_in_quiet_hours_and_beyond_a_cap_too(digest: bool) -> None:
    standing = Standing(BY_NIGHT, in_last_hour=6, last_told=told(MIDNIGHT, fire_seq=2))
    assert decisions([firing(1, 1)], standing, MIDNIGHT, digest=digest) == [SUPERSEDED]


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (Standing(AT_ONCE, in_last_hour=5, in_last_day=19), Send()),
        (Standing(AT_ONCE, in_last_hour=6, in_last_day=6), HOURLY_CAP),
        (Standing(AT_ONCE, in_last_hour=7, in_last_day=20), HOURLY_CAP),
        (Standing(AT_ONCE, in_last_hour=0, in_last_day=20), DAILY_CAP),
        (Standing(replace(AT_ONCE, most_per_hour=1), in_last_hour=1), HOURLY_CAP),
        (Standing(replace(AT_ONCE, most_per_day=1), in_last_day=1), DAILY_CAP),
    ],
)
@pytest.mark.parametrize("notice", [ORDINARY, EXCEPTIONAL, expiry()])
@pytest.mark.parametrize("digest", [False, True])
def test_no_more_is_told_than_a_traveller_wants(
    notice: Notice, standing: Standing, expected: Decision, digest: bool
) -> None:
    assert [expected] == decisions([notice], standing, digest=digest)
    assert [Send()] == decisions([notice], standing, rules=replace(RULES, caps=False), digest=digest)


def test_what_is_told_counts_for_what_follows_and_the_deepest_falls_get_through() -> None:
    notices: list[Notice] = [
        expiry(1),
        firing(2, price=9_000),
        firing(3, price=9_500, previous=None),
        firing(4, price=6_000),
        firing(5, price=8_000),
        firing(6, price=8_000),
    ]
    standing = Standing(AT_ONCE, in_last_hour=3, in_last_day=3)
    expected = [HOURLY_CAP, HOURLY_CAP, HOURLY_CAP, Send(), Send(), Send()]
    assert expected == decisions(notices, standing)
    standing = Standing(AT_ONCE, in_last_hour=3, in_last_day=18)
    assert [DAILY_CAP, DAILY_CAP, DAILY_CAP, Send(), Send(), DAILY_CAP] == decisions(notices, standing)


def test_what_is_held_or_told_already_counts_against_no_cap() -> None:
    notices: list[Notice] = [firing(1, 1, price=1_000), firing(2, 2, price=2_000), firing(3, 3, price=9_000)]
    cooling = told(NOON - timedelta(minutes=1), number=1, fire_seq=9) | told(NOON, number=2, fire_seq=1)
    standing = Standing(AT_ONCE, in_last_hour=5, last_told=cooling)
    assert [SUPERSEDED, Hold(NOON + RULES.cooldown, Waiting.COOLDOWN), Send()] == decisions(notices, standing)


SEVERAL: list[Notice] = [firing(1, 1, price=8_000), firing(1, 2, price=7_500), firing(1, 3, price=9_000)]


@pytest.mark.parametrize(
    ("standing", "now", "expected"),
    [
        (Standing(AT_ONCE), NOON, [SUPERSEDED, Send(), SUPERSEDED]),
        (Standing(AT_ONCE, in_last_hour=6), NOON, [SUPERSEDED, HOURLY_CAP, SUPERSEDED]),
        (Standing(AT_SIX), NOON, [SIX] * 3),
        (Standing(BY_NIGHT), MIDNIGHT, [MORNING] * 3),
        (
            Standing(AT_ONCE, last_told=told(NOON, fire_seq=2)),
            NOON,
            [SUPERSEDED] + [Hold(NOON + RULES.cooldown, Waiting.COOLDOWN)] * 2,
        ),
        (
            Standing(AT_ONCE, last_told=told(MIDNIGHT - timedelta(days=2), fire_seq=3)),
            NOON,
            [SUPERSEDED, SUPERSEDED, Send()],
        ),
    ],
)
def test_the_cheapest_of_an_alert_is_told_for_all(standing: Standing, now: datetime, expected: list[Decision]) -> None:
    """While it is held the others are too: they are told should it be gone by then."""
    assert expected == decisions(SEVERAL, standing, now)


def test_of_equally_cheap_fares_the_latest_is_told() -> None:
    notices: list[Notice] = [firing(1, 2), firing(1, 1, revision=1), firing(1, 3)]
    assert [SUPERSEDED, Send(), SUPERSEDED] == decisions(notices, Standing(AT_ONCE))


def test_the_cheapest_is_told_although_a_dearer_one_fell_deep_enough_to_wake_for() -> None:
    cheapest, deeper = firing(1, 1, price=6_000, previous=6_100), firing(1, 2, price=6_900, previous=20_000)
    assert decisions([cheapest, deeper], Standing(WOKEN), MIDNIGHT) == [MORNING] * 2


def test_the_end_of_an_alert_is_told_beside_its_firing() -> None:
    assert [Send(), Send()] == decisions([expiry(1), firing(1)], Standing(AT_ONCE))


def test_a_digest_tells_all_in_one_push() -> None:
    """Whatever the cooldown, and although the next digest is a day off."""
    standing = Standing(AT_SIX, in_last_hour=5, last_told=told(NOON - timedelta(minutes=1), fire_seq=2))
    notices: list[Notice] = [firing(1, 1), firing(1, 2), firing(1, 3), *(firing(number) for number in range(2, 12))]
    assert [SUPERSEDED, *[Send()] * 12] == decisions(notices, standing, digest=True)


def test_a_digest_that_comes_late_waits_for_the_end_of_the_night() -> None:
    notices: list[Notice] = [firing(1), EXCEPTIONAL]
    assert decisions(notices, Standing(BY_NIGHT), MIDNIGHT, digest=True) == [DIGEST_IN_THE_MORNING] * 2
    assert decisions([firing(1)], Standing(WOKEN), MIDNIGHT, digest=True) == [DIGEST_IN_THE_MORNING]
    assert [Send()] * 2 == decisions(notices, Standing(WOKEN), MIDNIGHT, digest=True)


def test_the_end_of_an_alert_is_told_beside_a_digest_and_counts_after_it() -> None:
    notices: list[Notice] = [expiry(1), firing(2), firing(3)]
    assert [Send()] * 3 == decisions(notices, Standing(AT_SIX, in_last_hour=4), digest=True)
    assert [HOURLY_CAP, Send(), Send()] == decisions(notices, Standing(AT_SIX, in_last_hour=5), digest=True)
    assert decisions([expiry(1)], Standing(BY_NIGHT), MIDNIGHT, digest=True) == [MORNING]


def test_nothing_to_decide_on_is_decided_on_at_once() -> None:
    assert {} == decide([], Standing(AT_ONCE), RULES, NOON) == decide_digest([], Standing(AT_ONCE), RULES, NOON)
