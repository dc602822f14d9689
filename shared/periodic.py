"""What a process does without being told, again and again.

Any number of processes do it side by side: each takes what no other has locked.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from shared import metrics
from shared.errors import MapMovedError, TransientError, UnavailableError

_CANCEL_AGAIN_AFTER_S: Final = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Periodic:
    """Some work that is done round after round, for the first time at once.

    Args:
        name: in logs and metrics.
        every_s: seconds between the end of a round and the next one.
        work: one round of it.
    """

    name: str
    every_s: float
    work: Callable[[], Awaitable[None]]

    async def run(self) -> None:
        """Work until cancelled."""
        metrics.SWEEPS_PUT_OFF.labels(self.name)  # shows zero
        while True:
            await self._once()
            await asyncio.sleep(self.every_s)

    async def _once(self) -> None:
        """Do what can be done now; the rest is left to the next round."""
        try:
            await self.work()
        except (UnavailableError, TransientError, MapMovedError) as error:
            metrics.SWEEPS_PUT_OFF.labels(self.name).inc()
            log.warning("round_put_off", work=self.name, error=str(error))
        except Exception:  # one bad row must not end the process, which has other work
            metrics.SWEEPS_PUT_OFF.labels(self.name).inc()
            log.exception("round_failed", work=self.name)


@asynccontextmanager
async def running(works: Iterable[Periodic]) -> AsyncIterator[None]:
    """Do these side by side while the block runs; the failure of one is no concern of the others."""
    tasks = [asyncio.create_task(work.run(), name=work.name) for work in works]
    try:
        yield
    finally:
        await end(tasks)


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and return when they have ended.

    One cancellation may not do: before Python 3.12 `wait_for`, which redis-py sends with, loses one that comes
    together with its result.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_AFTER_S)
