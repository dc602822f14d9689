"""What a process does again and again without being told."""

import asyncio

import pytest

from shared import periodic
from shared.errors import MapMovedError, TransientError, UnavailableError
from shared.periodic import Periodic, running


@pytest.mark.parametrize(
    "error",
    [UnavailableError("accounts"), TransientError("board_unreadable"), MapMovedError("shard0"), ValueError("a bug")],
)
async def test_work_that_fails_is_done_again_and_the_others_are_done_too(error: Exception) -> None:
    failures, failed_twice, done = 0, asyncio.Event(), asyncio.Event()

    async def failing() -> None:
        nonlocal failures
        failures += 1
        if failures > 1:
            failed_twice.set()
        raise error

    async def other() -> None:
        done.set()

    async with asyncio.timeout(10), running([Periodic("failing", 0, failing), Periodic("other", 0, other)]):
        await failed_twice.wait()
        await done.wait()


async def test_work_ends_though_a_library_below_it_loses_a_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "_CANCEL_AGAIN_AFTER_S", 0)
    begun, lost = asyncio.Event(), 0

    async def losing() -> None:
        nonlocal lost
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost += 1
            if lost > 1:
                raise

    async with asyncio.timeout(10), running([Periodic("losing", 0, losing)]):
        await begun.wait()
    assert lost > 1


async def test_between_two_rounds_it_waits() -> None:
    rounds = 0

    async def work() -> None:
        nonlocal rounds
        rounds += 1

    async with running([Periodic("work", 3_600, work)]):
        for _ in range(20):
            await asyncio.sleep(0)
    assert rounds == 1


async def test_it_ends_with_the_block() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with asyncio.timeout(10), running([Periodic("endless", 0, endless)]):
        await begun.wait()
    assert ended.is_set()
