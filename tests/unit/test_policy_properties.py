"""What holds of the policy whatever a traveller wishes and whatever there is to tell."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

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
from services.notifier.deciding.wall_clock import quiet_until
from shared.messages.notifications import Notice, Notification
from tests.unit.notices import alert, expiry, firing
from tests.unit.policy_model import fates

ALERTS = st.integers(1, 3)
COOLDOWN = timedelta(hours=1)

half_hours = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30, 59]))
# By day, by night, and around the changes of the clock in Berlin and on Lord Howe Island.
hours = st.sampled_from(
    [datetime(2026, *day, tzinfo=UTC) for day in ((10, 1, 10), (10, 1, 22), (3, 28, 22), (4, 4, 12))]
)
instants = st.builds(lambda hour, minutes: hour + timedelta(minutes=minutes), hours, st.integers(0, 300))

firings = st.builds(
    lambda number, fire_seq, price, previous, revision: firing(
        number, fire_seq, price=price, previous=previous, revision=revision
    ),
    ALERTS,
    st.integers(1, 4),
    st.sampled_from([6_000, 7_000, 7_100, 9_000]),
    st.sampled_from([None, 8_000, 10_000]),
    st.integers(0, 1),
)
# An alert fires once under a number.
notices_of_a_traveller = st.lists(
    firings | st.builds(expiry, ALERTS),
    max_size=10,
    unique_by=lambda one: (one.alert_id, one.revision, one.fire_seq) if isinstance(one, Notification) else one.id,
)
wishes_of_a_traveller = st.builds(
    Wishes,
    zone=st.sampled_from([ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/New_York")]),
    quiet_hours=st.none() | st.builds(QuietHours, half_hours, half_hours).filter(lambda quiet: quiet.from_ != quiet.to),
    pass_when_exceptional=st.booleans(),
    digest_at=st.none() | half_hours,
    most_per_hour=st.integers(1, 4),
    most_per_day=st.integers(1, 4),
)


@dataclass(frozen=True)
class Case:
    """One traveller at one instant."""

    notices: Sequence[Notice]
    standing: Standing
    rules: Rules
    now: datetime

    def by(self, policy: Callable[..., dict[UUID, Decision]]) -> dict[UUID, Decision]:
        return policy(self.notices, self.standing, self.rules, self.now)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    now = draw(instants)
    ago = st.integers(0, 90).map(lambda minutes: now - timedelta(minutes=minutes))
    last_told = st.dictionaries(ALERTS.map(alert), st.builds(Told, ago, st.integers(0, 1), st.integers(1, 3)))
    pushes = st.integers(0, 4)
    standing = draw(st.builds(Standing, wishes_of_a_traveller, pushes, pushes, last_told))
    return Case(draw(notices_of_a_traveller), standing, Rules(COOLDOWN, caps=draw(st.booleans())), now)


def named(decisions: Mapping[UUID, Decision]) -> dict[UUID, str]:
    return {id_: "sent" if isinstance(decision, Send) else decision.reason.value for id_, decision in decisions.items()}


def told(case: Case, decisions: Mapping[UUID, Decision]) -> list[Notice]:
    return [one for one in case.notices if isinstance(decisions[one.id], Send)]


@settings(deadline=None)
@given(cases())
def test_each_notice_has_the_one_fate_that_the_rules_in_plain_words_give_it(case: Case) -> None:
    assert fates(case.notices, case.standing, case.rules, case.now, digest=False) == named(case.by(decide))


@settings(deadline=None)
@given(cases())
def test_so_it_has_in_a_digest(case: Case) -> None:
    assert fates(case.notices, case.standing, case.rules, case.now, digest=True) == named(case.by(decide_digest))


@settings(deadline=None)
@given(cases())
def test_an_alert_is_told_once_or_waits_as_a_whole(case: Case) -> None:
    decisions = case.by(decide)
    for alert_id in {one.alert_id for one in case.notices}:
        firings = [one for one in case.notices if isinstance(one, Notification) and one.alert_id == alert_id]
        sent = [one for one in firings if isinstance(decisions[one.id], Send)]
        held = {decisions[one.id] for one in firings if isinstance(decisions[one.id], Hold)}
        assert len(sent) + len(held) <= 1


@settings(deadline=None)
@given(cases())
def test_caps_are_never_exceeded_and_never_keep_back_what_fits(case: Case) -> None:
    decisions, standing = case.by(decide), case.standing
    sent = len(told(case, decisions))
    left = min(
        standing.wishes.most_per_hour - standing.in_last_hour, standing.wishes.most_per_day - standing.in_last_day
    )
    capped = {Suppress(Suppression.HOURLY_CAP), Suppress(Suppression.DAILY_CAP)} & set(decisions.values())
    if case.rules.caps:
        assert sent <= max(left, 0)
        assert not capped or sent == max(left, 0)
    else:
        assert not capped


@settings(deadline=None)
@given(cases())
def test_a_digest_is_one_push_for_the_caps(case: Case) -> None:
    decisions = case.by(decide_digest)
    sent = told(case, decisions)
    pushes = len([one for one in sent if not isinstance(one, Notification)]) + any(
        isinstance(one, Notification) for one in sent
    )
    if case.rules.caps:
        assert pushes <= max(case.standing.wishes.most_per_hour - case.standing.in_last_hour, 0)
        assert pushes <= max(case.standing.wishes.most_per_day - case.standing.in_last_day, 0)


@settings(deadline=None)
@given(cases())
def test_what_is_held_comes_later_and_not_in_quiet_hours(case: Case) -> None:
    wishes = case.standing.wishes
    for decision in [*case.by(decide).values(), *case.by(decide_digest).values()]:
        if isinstance(decision, Hold):
            assert case.now < decision.until
            quiet = wishes.quiet_hours and quiet_until(decision.until, wishes.zone, wishes.quiet_hours)
            assert decision.reason is Waiting.COOLDOWN or not quiet


@settings(deadline=None)
@given(cases())
def test_what_is_released_by_a_digest_is_not_held_for_the_next_one(case: Case) -> None:
    for held in {one for one in case.by(decide).values() if isinstance(one, Hold) and one.reason is Waiting.DIGEST}:
        decisions = decide_digest(case.notices, case.standing, case.rules, held.until)
        assert not any(isinstance(decision, Hold) for decision in decisions.values())
