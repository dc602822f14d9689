"""Passwords: who exists cannot be told from how long a login takes, and nobody waits for another's hash."""

import threading

import pytest
from argon2 import PasswordHasher

from services.alerts_api.accounts.passwords import Passwords


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """In which thread each verification ran."""
    ran: list[threading.Thread] = []
    verify = PasswordHasher.verify

    def watched(hasher: PasswordHasher, password_hash: str, password: str) -> bool:
        ran.append(threading.current_thread())
        return verify(hasher, password_hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", watched)
    return ran


async def test_a_password_matches_its_own_hash_alone() -> None:
    passwords = Passwords()
    password_hash = await passwords.hash("correct horse")
    assert await passwords.matches(password_hash, "correct horse")
    assert not await passwords.matches(password_hash, "correct house")


@pytest.mark.parametrize("known", [True, False])
async def test_a_user_who_does_not_exist_costs_the_same_work(threads: list[threading.Thread], known: bool) -> None:
    passwords = Passwords()
    password_hash = await passwords.hash("correct horse") if known else None
    assert await passwords.matches(password_hash, "correct horse") is known
    assert len(threads) == 1


async def test_the_work_is_done_off_the_event_loop(threads: list[threading.Thread]) -> None:
    await Passwords().matches(None, "correct horse")
    assert threads[0] is not threading.current_thread()


async def test_what_is_no_hash_matches_nothing() -> None:
    assert not await Passwords().matches("-", "correct horse")
