"""What is written of a notification after a try, and when it comes again."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from services.notifier.gateway import Outcome, Verdict
from services.notifier.states import Record, State
from services.notifier.telling.aftermath import Aftermath, aftermath
from shared.deliveries import DeadLetter, Wait

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
PHONE, TABLET, WATCH = (UUID(int=number) for number in (1, 2, 3))
SENDING = Record(UUID(int=9), date(2026, 10, 1), State.SENDING)
SENT = Outcome(Verdict.SENT)
BUSY = Outcome(Verdict.TRANSIENT, "quota_exceeded", 60)
BUG = Outcome(Verdict.FAILED, "invalid_argument")
HELD = Outcome(Verdict.UNTRIED, "third_party_auth", 60)
REFUSED = Outcome(Verdict.REFUSED, "unauthenticated")
AN_HOUR_AGO = NOW - timedelta(minutes=60)


def after(record: Record, outcomes: dict[UUID, Outcome]) -> Aftermath:
    return aftermath(record, outcomes, NOW, 0)


def test_what_is_sent_is_done_and_knows_who_has_it() -> None:
    done = replace(SENDING, state=State.SENT, first_tried_at=NOW, reached=frozenset({PHONE, TABLET}))
    assert after(SENDING, {PHONE: SENT, TABLET: SENT}) == Aftermath(done)


def test_what_failed_for_now_waits_and_counts_the_try() -> None:
    waiting = replace(
        SENDING,
        state=State.QUEUED,
        reason="quota_exceeded",
        tries=1,
        first_tried_at=NOW,
        retry_at=NOW + timedelta(seconds=60),
        reached=frozenset({PHONE}),
    )
    assert after(SENDING, {PHONE: SENT, TABLET: BUSY}) == Aftermath(waiting, Wait("quota_exceeded", 60))


def test_the_hour_runs_from_the_first_try_and_the_waits_grow() -> None:
    first = NOW - timedelta(minutes=5)
    (again,) = [after(replace(SENDING, tries=3, first_tried_at=first, reached=frozenset({PHONE})), {TABLET: BUSY})]
    assert (again.record.tries, again.record.first_tried_at) == (4, first)
    assert again.unfinished == Wait("quota_exceeded", 80)
    assert again.record.reached == {PHONE}


def test_after_an_hour_it_is_given_up_with_its_reason_and_lies_among_the_dead_letters() -> None:
    given_up = after(replace(SENDING, tries=8, first_tried_at=AN_HOUR_AGO), {PHONE: BUSY})
    assert (given_up.record.state, given_up.record.reason) == (State.FAILED, "quota_exceeded")
    assert given_up.record.retry_at is None
    assert given_up.unfinished == DeadLetter("quota_exceeded")


def test_given_up_for_one_device_it_is_sent_if_another_has_it() -> None:
    record = replace(SENDING, tries=8, first_tried_at=AN_HOUR_AGO, reached=frozenset({PHONE}))
    given_up = after(record, {TABLET: BUSY})
    assert (given_up.record.state, given_up.record.reason, given_up.unfinished) == (State.SENT, "", None)


def test_a_fault_of_ours_is_buried() -> None:
    buried = after(SENDING, {PHONE: BUG})
    assert (buried.record.state, buried.record.reason) == (State.FAILED, "invalid_argument")
    assert buried.unfinished == DeadLetter("invalid_argument")


@pytest.mark.parametrize("first_tried_at", [None, AN_HOUR_AGO])
def test_what_was_not_tried_waits_and_loses_no_try(first_tried_at: datetime | None) -> None:
    waiting = after(replace(SENDING, tries=2, first_tried_at=first_tried_at), {PHONE: HELD})
    assert (waiting.record.state, waiting.record.tries) == (State.QUEUED, 2)
    assert (waiting.record.first_tried_at, waiting.record.retry_at) == (first_tried_at, NOW + timedelta(seconds=60))
    assert waiting.unfinished == Wait("third_party_auth", 60)


def test_a_gateway_that_lets_nothing_through_stops_everything_and_is_asked_again_at_once() -> None:
    stopped = after(SENDING, {PHONE: SENT, TABLET: REFUSED})
    assert (stopped.record.state, stopped.record.retry_at) == (State.QUEUED, None)
    assert stopped.record.reached == {PHONE}
    assert (stopped.unfinished, stopped.stopped) == (None, "unauthenticated")


def test_a_device_that_has_it_already_stays_among_those_that_have_it() -> None:
    record = replace(SENDING, reached=frozenset({WATCH}))
    assert after(record, {PHONE: SENT}).record.reached == {PHONE, WATCH}
