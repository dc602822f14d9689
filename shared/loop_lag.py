"""How late the event loop is: what blocks it holds up every message, request and heartbeat of the process."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from shared import metrics

_EVERY_S: Final = 0.25


@asynccontextmanager
async def watching_loop_lag(clock: Callable[[], float] = time.perf_counter) -> AsyncIterator[None]:
    """Measure it while the block runs; the clock tells seconds that only grow."""
    watching = asyncio.create_task(_watch(clock), name="loop lag")
    try:
        yield
    finally:
        watching.cancel()


async def _watch(clock: Callable[[], float]) -> None:
    while True:
        due = clock() + _EVERY_S
        await asyncio.sleep(_EVERY_S)
        # Timers count from when the loop last looked at the clock, so that one may come a little early.
        metrics.EVENT_LOOP_LAG_SECONDS.observe(max(0.0, clock() - due))
