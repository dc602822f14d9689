"""What a server of the API does without being asked."""

import asyncio
from datetime import UTC, datetime

import pytest

from services.alerts_api import housekeeping as module
from services.alerts_api.housekeeping import housekeeping
from shared.errors import UnavailableError
from shared.shards import MapMovedError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0)


@pytest.mark.parametrize("error", [UnavailableError("accounts"), MapMovedError("shard0"), ValueError("a mistake")])
async def test_a_chore_that_fails_is_done_again_and_the_others_are_done_too(error: Exception) -> None:
    failures, done = [], asyncio.Event()

    async def failing(now: datetime) -> None:
        failures.append(now)
        raise error

    async def other(_: datetime) -> None:
        if len(failures) > 1:
            done.set()

    async with housekeeping([failing, other], lambda: NOW):
        await done.wait()
    assert set(failures) == {NOW}


async def test_it_ends_with_the_server() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless(_: datetime) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with housekeeping([endless], lambda: NOW):
        await begun.wait()
    assert ended.is_set()
