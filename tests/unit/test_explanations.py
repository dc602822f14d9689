"""Saying to travellers why a push came or did not."""

from datetime import UTC, datetime
from http import HTTPStatus
from itertools import chain
from typing import get_args

import pytest

from services.alerts_api.notifications.explanations import explain
from services.alerts_api.notifications.resources import State
from services.notifier.deciding.policy import Suppression, Waiting
from services.notifier.fcm import answers as fcm_answers
from services.notifier.fcm import firebase as fcm
from services.notifier.fcm.answers import outcome_of
from services.notifier.gateway import Outcome, Verdict
from services.notifier.states import UNREACHABLE
from services.notifier.states import State as NotifierState
from services.notifier.telling.conclusion import Next, conclude
from services.notifier.vetting.revocation import Revocation

STATES: tuple[State, ...] = get_args(State)
NOW = datetime(2026, 10, 1, tzinfo=UTC)


def outcomes() -> list[Outcome]:
    """All that FCM's gateway says of a push that was not sent."""
    values = list(chain(vars(fcm).values(), vars(fcm_answers).values()))
    tables = [value.values() for value in values if isinstance(value, dict)]
    found = {value for value in chain(values, *tables) if isinstance(value, Outcome)}
    found |= {outcome_of(status, None, b"", NOW) for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST}
    return sorted(found - {Outcome(Verdict.SENT)}, key=lambda outcome: outcome.reason)


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_words_of_its_own(state: State) -> None:
    assert sum(explain(state, None) == explain(other, None) for other in STATES) == 1


def test_the_states_of_the_notifier_are_ours() -> None:
    assert [state.value for state in NotifierState] == list(STATES)


@pytest.mark.parametrize("outcome", outcomes(), ids=lambda outcome: outcome.reason)
def test_what_the_notifier_says_of_a_push_is_put_into_words(outcome: Outcome) -> None:
    conclusion = conclude([outcome], reached=False)
    assert explain(conclusion.state.value, conclusion.reason) != explain(conclusion.state.value, None)
    if conclusion.next is Next.RETRY:
        assert explain("failed", conclusion.reason) != explain("failed", None)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        *(("dropped", reason) for reason in Revocation),
        *(("held", reason) for reason in Waiting),
        *(("suppressed", reason) for reason in Suppression),
        *(("failed", reason) for reason in sorted(UNREACHABLE)),
        ("queued", "map_moved"),
        ("queued", "shard_unavailable"),
    ],
)
def test_what_else_the_notifier_says_is_put_into_words(state: State, reason: str) -> None:
    assert explain(state, reason) != explain(state, None)


def test_what_the_gateway_calls_dead_is_not_tried_again() -> None:
    assert {outcome.reason for outcome in outcomes() if outcome.verdict is Verdict.RETIRE} <= UNREACHABLE


def test_what_has_passed_is_no_reason_any_more() -> None:
    assert explain("queued", "quiet_hours") == explain("queued", None)


def test_a_reason_that_a_newer_notifier_gives_says_as_much_as_its_state() -> None:
    assert explain("held", "full_moon") == explain("held", None)
