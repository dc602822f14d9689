"""Saying to travellers why a push came or did not."""

from typing import get_args

import pytest

from services.alerts_api.notifications.explanations import explain
from services.alerts_api.notifications.resources import State
from services.notifier import fcm_answers
from services.notifier.conclusion import State as NotifierState
from services.notifier.conclusion import conclude
from services.notifier.gateway import Outcome, Verdict
from services.notifier.revocation import Revocation
from services.notifier.settling import WAITING_FOR_SHARD

STATES: tuple[State, ...] = get_args(State)
OUTCOMES = [
    fcm_answers.UNKNOWN_OUTCOME,
    fcm_answers._INVALID,
    fcm_answers._INVALID_ADDRESS,
    Outcome(Verdict.TRANSIENT, "server_error"),
    *fcm_answers._BY_DETAIL.values(),
    *fcm_answers._BY_STATUS.values(),
]


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_words_of_its_own(state: State) -> None:
    assert sum(explain(state, None) == explain(other, None) for other in STATES) == 1


def test_the_states_of_the_notifier_are_among_ours() -> None:
    assert {state.value for state in NotifierState} <= set(STATES)


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.reason)
def test_what_the_notifier_says_of_a_push_is_put_into_words(outcome: Outcome) -> None:
    conclusion = conclude([outcome])
    assert explain(conclusion.state.value, conclusion.reason) != explain(conclusion.state.value, None)


@pytest.mark.parametrize("reason", [*Revocation, *WAITING_FOR_SHARD, "no_device"])
def test_what_else_the_notifier_says_is_put_into_words(reason: str) -> None:
    assert explain("dropped", reason) != explain("dropped", None)


def test_a_reason_that_a_newer_notifier_gives_says_as_much_as_its_state() -> None:
    assert explain("held", "full_moon") == explain("held", None)
