"""Which producer a key belongs to, by a real database of accounts."""

import asyncio
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock, patch

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.producer_keys import Rights, make_key, revoke_key
from services.ingest_gateway.producers.producer import Producer
from services.ingest_gateway.producers.producers import GOOD_FOR, Producers, UnknownKeyError
from shared.errors import UnavailableError
from shared.fare_lanes import Lane
from shared.producer_keys import ProducerKey
from tests.integration.keyless_accounts import accounts
from tests.private_servers import Servers

__all__ = ["accounts"]

SECOND = timedelta(seconds=1)


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def url(servers: Servers, accounts: AsyncEngine) -> str:
    assert accounts
    return servers.postgres.url("accounts")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def producers(accounts: AsyncEngine, clock: Clock) -> Producers:
    return Producers(accounts, clock)


@pytest.fixture
def reads(accounts: AsyncEngine) -> list[str]:
    """The statements that reach the database."""
    statements: list[str] = []
    event.listen(accounts.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    return statements


def away() -> AbstractContextManager[Mock]:
    return patch.object(AsyncEngine, "connect", side_effect=OSError)


async def made(url: str, *, lane: Lane = Lane.LIVE, expires_at: datetime | None = None) -> ProducerKey:
    key, _ = await make_key(url, Rights("acme", "acme-feed", [lane], 600, expires_at))
    return key


def header(key: ProducerKey) -> str:
    return f"Bearer {key.text}"


async def test_a_key_says_who_sends_what_and_how_much_of_it(producers: Producers, url: str) -> None:
    key = await made(url, lane=Lane.SWEEP)
    expected = Producer(key.id, "acme", "acme-feed", frozenset([Lane.SWEEP]), 600)
    assert await producers.of(header(key)) == expected
    assert await producers.of(f"bearer {key.text}") == expected


async def test_a_key_that_is_known_asks_nobody(producers: Producers, url: str, reads: list[str]) -> None:
    key = await made(url)
    for _ in range(100):
        await producers.of(header(key))
    assert len(reads) == 1


async def test_a_new_key_is_good_at_once(producers: Producers, url: str) -> None:
    await producers.look()
    for _ in range(3):
        await producers.of(header(await made(url)))


async def test_a_revoked_key_is_refused_after_the_next_look(producers: Producers, url: str) -> None:
    key = await made(url)
    await producers.of(header(key))
    await revoke_key(url, key.id)
    await producers.look()
    with pytest.raises(UnknownKeyError):
        await producers.of(header(key))


async def test_a_key_is_refused_from_the_instant_on_at_which_it_expires(
    producers: Producers, url: str, clock: Clock
) -> None:
    key = await made(url, expires_at=clock.now + SECOND)
    await producers.of(header(key))
    clock.now += SECOND
    with pytest.raises(UnknownKeyError):
        await producers.of(header(key))


async def test_whatever_is_wrong_with_a_key_the_words_are_the_same(
    producers: Producers, url: str, clock: Clock
) -> None:
    good, revoked, expired = await made(url), await made(url), await made(url, expires_at=clock.now - SECOND)
    await revoke_key(url, revoked.id)
    other = ProducerKey.make()
    headers = [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {good.text}",
        f"Bearer  {good.text}",
        good.text,
        f"{header(good)} ",
        header(ProducerKey(good.id, other.secret)),
        header(other),
        header(revoked),
        header(expired),
    ]
    words = set()
    for authorization in headers:
        with pytest.raises(UnknownKeyError) as refused:
            await producers.of(authorization)
        words.add(str(refused.value))
    assert len(words) == 1
    assert "flk_..." in words.pop()


async def test_who_guesses_keys_does_not_reach_the_database_with_each(
    producers: Producers, url: str, reads: list[str]
) -> None:
    """Those who guess together are refused after one look that they share, and a wrong secret costs none."""
    good = await made(url)
    await producers.look()

    async def refused(key: ProducerKey) -> None:
        with pytest.raises(UnknownKeyError):
            await producers.of(header(key))

    await asyncio.gather(*(refused(ProducerKey.make()) for _ in range(500)))
    await asyncio.gather(*(refused(ProducerKey(good.id, ProducerKey.make().secret)) for _ in range(500)))
    assert len(reads) == 2


async def test_a_good_key_never_waits_for_those_who_guess(producers: Producers, url: str) -> None:
    key = await made(url)
    await producers.of(header(key))
    guess = asyncio.create_task(producers.of(header(ProducerKey.make())))
    await asyncio.sleep(0)
    coroutine = producers.of(header(key))
    with pytest.raises(StopIteration):  # it never hands over to the event loop
        coroutine.send(None)
    with pytest.raises(UnknownKeyError):
        await guess


async def test_while_the_database_is_away_known_keys_stay_good_for_an_hour(
    producers: Producers, url: str, clock: Clock
) -> None:
    key = await made(url)
    await producers.of(header(key))
    with away():
        with pytest.raises(UnavailableError):
            await producers.look()
        clock.now += GOOD_FOR - SECOND
        await producers.of(header(key))
        clock.now += SECOND
        with pytest.raises(UnavailableError):
            await producers.of(header(key))
    await producers.of(header(key))


async def test_while_the_database_is_away_nobody_can_say_that_a_key_is_unknown(producers: Producers, url: str) -> None:
    """Those who ask together are told together."""
    key = await made(url)
    with away() as connect:
        answers = await asyncio.gather(*(producers.of(header(key)) for _ in range(50)), return_exceptions=True)
        with pytest.raises(UnknownKeyError):
            await producers.of("Bearer nonsense")
    assert {type(answer) for answer in answers} == {UnavailableError}
    assert connect.call_count == 1
    await producers.of(header(key))


async def test_who_hangs_up_while_waiting_keeps_nobody_else_from_an_answer(producers: Producers, url: str) -> None:
    key = await made(url)
    first, second = (asyncio.create_task(producers.of(header(key))) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).name == "acme"
    with pytest.raises(asyncio.CancelledError):
        await first
