"""The catalogue of reasons has every reason that a service gives, and no other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.addresses import REPOSITORY
from services.notifier.fcm import answers
from services.notifier.gateway import Verdict
from shared.broker_users import ACCESSES
from shared.dead_letters import DELIVERY_LIMIT, REASONS, explain, is_known

# Whatever these are called with as a reason may end among the dead letters.
GIVERS = {"UnreadableError", "TransientError", "DeadLetter", "Retry"}
# Of what becomes of a push these two may; the others wait, or concern one device alone.
DEADLY = {Verdict.FAILED, Verdict.TRANSIENT}


def test_every_reason_that_the_sources_give_is_in_the_catalogue_and_none_besides() -> None:
    assert {*given(), DELIVERY_LIMIT} == set(REASONS)


def given() -> Iterator[str]:
    """By those who consume, and what they share."""
    consumers = [f"services/{access.service}" for access in ACCESSES if access.consumes]
    for folder in (*consumers, "shared"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            yield from given_in(file)


def given_in(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(reason)), *_]) if name in GIVERS:
                yield reason
            case ast.Call(
                func=ast.Name(id="Outcome"), args=[ast.Attribute(ast.Name("Verdict"), verdict), reason_node, *_]
            ):
                if Verdict[verdict] in DEADLY:
                    yield reason_in(reason_node)


def reason_in(node: ast.expr) -> str:
    """A reason that is written down, or one of FCM's that has a name."""
    match node:
        case ast.Constant(value=str(reason)):
            return reason
        case ast.Name(id=name):
            return str(getattr(answers, name))
        case _:
            raise AssertionError(f"a reason that cannot be followed: {ast.dump(node)}")


def test_what_may_have_passed_by_itself_is_transient_and_nothing_else_is() -> None:
    transient = {reason for reason in REASONS if explain(reason).transient}
    assert transient == {"board_unreadable", "outcome_unknown", "server_error", "quota_exceeded"}


@pytest.mark.parametrize(("reason", "known"), [("unexpected_KeyError", True), ("unknown", False), ("", False)])
def test_what_nobody_foresaw_is_a_reason_too_and_what_nobody_knows_is_none(reason: str, known: bool) -> None:
    assert is_known(reason) is known
    assert not explain(reason).transient
