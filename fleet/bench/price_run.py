"""A cycle through the queue and the price workers, and what it takes of each process."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fleet.addresses import Addresses
from fleet.bench.bodies import Bodies
from fleet.bench.patience import PATIENCE_S, Patience, StuckError
from fleet.bench.processes import Processes, Usage
from fleet.chain import Chain, open_chain
from fleet.publishing import fare_publisher
from shared.messages.batches import MAX_ROWS

_LOOK_EVERY_S: Final = 0.4
_MOST_AHEAD: Final = 128 * MAX_ROWS  # fares in the queue: so many that it never runs dry, and no more
_COMPARED: Final = "farelark_fares_total"
_CHANGED: Final = "farelark_changes_total"
_US: Final = 1_000_000

Done = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class CpuPerFare:
    """Microseconds of processor time that a fare takes: of all workers, of Redis and of RabbitMQ."""

    worker: float
    redis: float
    rabbitmq: float


@dataclass(frozen=True, slots=True)
class Run:
    """A cycle through the queue."""

    seconds: float
    changes: int
    cpu: CpuPerFare


async def run(addresses: Addresses, processes: Processes, bodies: Bodies, fares: int, done: Done) -> Run:
    """Publish so many encoded fares and have them compared.

    Raises:
        UnavailableError: a server was lost on the way.
        StuckError: the workers have not compared anything for a minute.
    """
    async with open_chain(addresses) as chain, fare_publisher(addresses) as publisher:
        before, started = processes.look(), time.monotonic()
        queue = _Queue(chain, done)
        for number, body in enumerate(bodies):
            await queue.until(number * MAX_ROWS - _MOST_AHEAD)
            await publisher.send(body, min(MAX_ROWS, fares - number * MAX_ROWS), cycle="bench")
        await publisher.flush()
        await queue.until(fares)
        seconds = time.monotonic() - started
        cpu = _cpu_per_fare(before, processes.look(), fares)
        return Run(seconds, int((await chain.metrics())[_CHANGED]), cpu)


class _Queue:
    """How far the workers have come."""

    def __init__(self, chain: Chain, done: Done) -> None:
        self._chain, self._done = chain, done
        self._compared = 0

    async def until(self, compared: int) -> None:
        """Return once so many fares are compared.

        Raises:
            StuckError: they have not come any further for a minute.
        """
        patience = Patience()
        while self._compared < compared:
            now_compared = int((await self._chain.metrics()).get(_COMPARED, 0))
            if now_compared > self._compared:  # a worker that does not answer in time counts nothing in this look
                self._done(now_compared - self._compared)
                self._compared = now_compared
            if patience.ends(self._compared, time.monotonic()):
                raise StuckError(f"the price workers have compared nothing for {PATIENCE_S:g} s: see their logs")
            if self._compared < compared:
                await asyncio.sleep(_LOOK_EVERY_S)


def _cpu_per_fare(before: Mapping[str, Usage], after: Mapping[str, Usage], fares: int) -> CpuPerFare:
    """What the processes of each kind have used; those of the workers have numbers where there are several."""

    def of(kind: str) -> float:
        used = sum(after[name].cpu_seconds - before[name].cpu_seconds for name in after if name.startswith(kind))
        return round(used / fares * _US, 3)

    return CpuPerFare(of("price_worker"), of("redis"), of("rabbitmq"))
