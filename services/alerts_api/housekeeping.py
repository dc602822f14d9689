"""What a server of the API does without being asked, about once a minute; any number of them do it side by side."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import structlog

from shared import metrics
from shared.errors import UnavailableError
from shared.shards import MapMovedError

EVERY_S: Final = 60.0

Chore = Callable[[datetime], Awaitable[None]]

log = structlog.get_logger()


@asynccontextmanager
async def housekeeping(chores: Sequence[Chore], clock: Callable[[], datetime]) -> AsyncIterator[None]:
    """Do the chores again and again while the block runs."""
    keeping = asyncio.create_task(_keep(chores, clock), name="housekeeping")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])


async def _keep(chores: Sequence[Chore], clock: Callable[[], datetime]) -> None:
    while True:
        await asyncio.sleep(EVERY_S)
        for chore in chores:
            await do(chore, clock())


async def do(chore: Chore, now: datetime) -> None:
    """Do a chore; where that fails, the next round does it."""
    name = chore.__qualname__
    try:
        await chore(now)
    except (UnavailableError, MapMovedError) as error:
        metrics.SWEEPS_PUT_OFF.labels(name).inc()
        log.warning("chore_put_off", chore=name, error=str(error))
    except Exception:  # one that fails must not end the others
        metrics.SWEEPS_PUT_OFF.labels(name).inc()
        log.exception("chore_failed", chore=name)
