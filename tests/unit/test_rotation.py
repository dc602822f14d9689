"""What becomes of a refresh token that is shown."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest

from services.alerts_api.accounts.rotation import RACE, REPEATABLE, Verdict, judge, new_token, successor, token_hash

MOMENT = timedelta(microseconds=1)
SESSION = uuid4()


@pytest.mark.parametrize(
    ("since_use", "successor_waits", "verdict"),
    [
        (None, False, Verdict.ROTATE),
        (-RACE, False, Verdict.REFUSE),
        (RACE, False, Verdict.REFUSE),
        (RACE + MOMENT, False, Verdict.REVOKE),
        (-RACE, True, Verdict.REPEAT),
        (REPEATABLE, True, Verdict.REPEAT),
        (REPEATABLE + MOMENT, True, Verdict.REVOKE),
    ],
)
def test_a_used_token_is_a_repeat_a_race_or_a_theft(
    since_use: timedelta | None, successor_waits: bool, verdict: Verdict
) -> None:
    assert judge(since_use, successor_waits) is verdict


def test_a_repeated_request_leads_to_the_same_successor() -> None:
    token = new_token()
    assert successor(token, SESSION, "key") == successor(token, SESSION, "key")


def test_another_token_session_or_key_leads_to_another_successor() -> None:
    token = new_token()
    others = [
        successor(token, SESSION, "key"),
        successor(token, SESSION, "yek"),
        successor(token, uuid4(), "key"),
        successor(new_token(), SESSION, "key"),
        successor(token, SESSION, None),
        successor(token, SESSION, None),
    ]
    assert len(set(others)) == len(others)


@pytest.mark.parametrize(
    "token",
    [new_token(), successor(new_token(), SESSION, "key"), successor("", SESSION, None)],
    ids=["a new one", "its successor", "a successor without a key"],
)
def test_every_token_has_256_bits(token: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)


def test_what_is_kept_of_a_token_is_its_hash() -> None:
    assert token_hash("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
