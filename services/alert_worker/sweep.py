"""What an alert worker does without being told: alerts due for another evaluation, alerts that are over.

Any number of workers sweep side by side: each takes what no other has locked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from shared import metrics
from shared.errors import TransientError, UnavailableError
from shared.shards import MapMovedError, Shards

AT_ONCE: Final = 200

# Takes the number of a shard and how many alerts to take on at most; gives how many there were.
Sweep = Callable[[int, int], Awaitable[int]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps every shard again and again.

    Args:
        name: in logs.
        shards: what to sweep.
        sweep: does some of the work on one shard.
        every: seconds between two rounds.
    """

    name: str
    shards: Shards
    sweep: Sweep
    every: float

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.gather(*map(self._finish, self.shards.numbers))
            await asyncio.sleep(self.every)

    async def _finish(self, shard: int) -> None:
        """Sweep a shard clean; what cannot be done now is left to the next round."""
        try:
            while await self.sweep(shard, AT_ONCE) == AT_ONCE:
                pass
        except (UnavailableError, TransientError, MapMovedError) as error:
            metrics.SWEEPS_PUT_OFF.labels(self.name).inc()
            log.warning("sweep_put_off", sweep=self.name, shard=self.shards.name(shard), error=str(error))
        except Exception:  # one bad alert must not end the worker, which has other work
            metrics.SWEEPS_PUT_OFF.labels(self.name).inc()
            log.exception("sweep_failed", sweep=self.name, shard=self.shards.name(shard))
