"""The access token, got by a credential that a test holds up and breaks."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from google.auth.credentials import Credentials

from services.notifier.fcm.access_token import AccessToken
from shared.errors import UnavailableError
from tests.hand_moved_clock import Clock

FRESH = timedelta(hours=1)
STALE = timedelta(minutes=1)


class Account(Credentials):
    """A credential that gives out token 1, 2 and so on, when it is allowed to."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # google-auth is typed in part
        self.lifetime = FRESH
        self.error: Exception | None = None
        self.refreshes = 0
        self.entered = threading.Event()
        self.allowed = threading.Event()
        self.allowed.set()

    def refresh(self, request: object) -> None:
        assert request is not None
        self.refreshes += 1
        self.entered.set()
        self.allowed.wait()
        if self.error:
            raise self.error
        self.token = f"token-{self.refreshes}"
        self.expiry = datetime.now(UTC).replace(tzinfo=None) + self.lifetime


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    made = Account()
    yield made
    made.allowed.set()
    await renewed()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def token(account: Account, clock: Clock) -> AccessToken:
    return AccessToken(account, clock)


async def renewed() -> None:
    """Wait until no thread renews a token any more, and the loop knows."""
    for thread in threading.enumerate():
        if thread.name == "fcm_access_token":
            await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)


async def test_a_fresh_token_is_got_once(account: Account, token: AccessToken) -> None:
    assert [await token.get() for _ in range(3)] == ["token-1"] * 3
    assert account.refreshes == 1


async def test_all_who_need_one_wait_for_the_same(account: Account, token: AccessToken) -> None:
    account.allowed.clear()
    waiting = [asyncio.create_task(token.get()) for _ in range(100)]
    await asyncio.to_thread(account.entered.wait)
    account.allowed.set()
    assert await asyncio.gather(*waiting) == ["token-1"] * 100
    assert account.refreshes == 1


async def test_one_who_gives_up_waiting_takes_it_from_nobody(account: Account, token: AccessToken) -> None:
    account.allowed.clear()
    impatient, patient = asyncio.create_task(token.get()), asyncio.create_task(token.get())
    await asyncio.to_thread(account.entered.wait)
    impatient.cancel()
    await asyncio.wait([impatient])
    account.allowed.set()
    assert await patient == "token-1"


async def test_while_an_endpoint_hangs_the_loop_goes_on_and_the_process_may_end(
    account: Account, token: AccessToken
) -> None:
    account.allowed.clear()
    waiting = asyncio.create_task(token.get())
    await asyncio.to_thread(account.entered.wait)
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "fcm_access_token")
    assert thread.daemon
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_shortly_before_its_end_a_token_is_still_used_while_the_next_one_is_got(
    account: Account, token: AccessToken, clock: Clock
) -> None:
    account.lifetime = STALE
    await token.get()
    clock.now += 3600
    account.allowed.clear()
    account.lifetime = FRESH
    assert [await token.get() for _ in range(5)] == ["token-1"] * 5
    account.allowed.set()
    await renewed()
    assert await token.get() == "token-2"
    assert account.refreshes == 2


async def test_while_a_token_holds_an_endpoint_that_fails_is_asked_every_ten_seconds(
    account: Account, token: AccessToken, clock: Clock
) -> None:
    account.lifetime = STALE
    await token.get()
    account.error = ConnectionError()
    for _ in range(3):
        clock.now += 10
        for _ in range(5):
            assert await token.get() == "token-1"
            await renewed()
    assert account.refreshes == 4


async def test_a_rejected_token_is_never_returned_again(account: Account, token: AccessToken) -> None:
    rejected = await token.get()
    token.reject(rejected)
    assert await token.get() == "token-2"
    token.reject(rejected)
    assert await token.get() == "token-2"
    assert account.refreshes == 2


@pytest.mark.parametrize("error", [ConnectionError("the answer, with secrets"), ValueError("a key, too")], ids=repr)
async def test_without_a_token_to_be_had_the_gateway_is_away_and_no_secret_is_told(
    account: Account, token: AccessToken, error: Exception
) -> None:
    account.error = error
    with pytest.raises(UnavailableError, match=f"fcm_access_token is unavailable: {type(error).__name__}$"):
        await token.get()
    account.error = None
    assert await token.get() == "token-2"
