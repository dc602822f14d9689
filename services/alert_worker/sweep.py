"""What an alert worker does without being told, again and again.

Any number of workers sweep side by side: each takes what no other has locked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from shared import metrics
from shared.errors import TransientError, UnavailableError
from shared.shards import MapMovedError, Shards

AT_ONCE: Final = 50  # alerts in one transaction

# Does some of the work on one shard, on so many alerts at most; gives on how many.
Sweep = Callable[[int, int], Awaitable[int]]
Task = Callable[[], Awaitable[None]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Does tasks side by side, round after round.

    Args:
        name: in logs and metrics.
        tasks: the failure of one is no concern of the others.
        every: seconds between two rounds.
    """

    name: str
    tasks: Sequence[Task]
    every: float

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.gather(*map(self._do, self.tasks))
            await asyncio.sleep(self.every)

    async def _do(self, task: Task) -> None:
        """Do what can be done now; the rest is left to the next round."""
        try:
            await task()
        except (UnavailableError, TransientError, MapMovedError) as error:
            metrics.SWEEPS_PUT_OFF.labels(self.name).inc()
            log.warning("sweep_put_off", sweep=self.name, error=str(error))
        except Exception:  # one bad alert must not end the worker, which has other work
            metrics.SWEEPS_PUT_OFF.labels(self.name).inc()
            log.exception("sweep_failed", sweep=self.name)


def on_every_shard(shards: Shards, sweep: Sweep) -> list[Task]:
    """A task for each shard: sweep it until it is clean."""

    async def clean(shard: int) -> None:
        while await sweep(shard, AT_ONCE) == AT_ONCE:
            pass

    return [partial(clean, shard) for shard in shards.numbers]
