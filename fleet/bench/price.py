"""How fast the price stage is: from the queue to confirmed changes and written boards.

A fleet of its own runs price workers only. The boards are filled without them; a cycle with moved prices is measured
through the queue. Then the next one goes through the same comparison and the same Redis calls in one process, without
broker, decoding and changes: the ceiling.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from fleet.addresses import Addresses
from fleet.bench.bare_comparison import BareComparison, fill_boards
from fleet.bench.bodies import Bodies
from fleet.bench.market import Market
from fleet.bench.one_redis import open_one
from fleet.bench.peak_memory import peak_mb
from fleet.bench.processes import Processes, Usage
from fleet.bench.sweep import Sweep
from fleet.chain import Chain, open_chain
from fleet.publishing import fare_publisher
from shared.errors import FarelarkError
from shared.fare_boards.store import BoardStore
from shared.messages.batches import MAX_ROWS, encode
from shared.messages.fares import FARES
from shared.money import Rates
from shared.settings import DEFAULT_RATES_FILE

ONLY_PRICE_WORKERS: Final = {"notifier": 0, "alert_worker": 0, "alerts_api": 0}
ROUNDS: Final = 4  # each fare is put on its board, encoded, compared through the queue, and compared without one
_ROUTES: Final = 2_000
_SEED: Final = 1
_PATIENCE_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.4
_MEASURED: Final = 1  # cycle 0 is put straight onto the boards
_MOST_AHEAD: Final = 128 * MAX_ROWS  # fares in the queue: so many that it never runs dry, and no more
_COMPARED: Final = "farelark_fares_total"
_CHANGED: Final = "farelark_changes_total"
_US: Final = 1_000_000

Say = Callable[[str], None]
Done = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How big the bench is.

    Attributes:
        fares: in a cycle.
        per_board: fares of one route and date.
        changed: the share of fares whose price moves from cycle to cycle.
        shuffled: batches have fares of all routes and dates, in no order.
        workers: that share the queue.
    """

    fares: int
    per_board: int
    changed: float
    shuffled: bool
    workers: int

    def sweep(self, rates: Rates) -> Sweep:
        """The fares; raises ConfigurationError where there are not so many routes and dates."""
        market = Market(_ROUTES, np.random.default_rng(_SEED))
        today = datetime.now(UTC).date()
        return Sweep(market, self.fares, self.per_board, rates, _SEED, today, self.changed, shuffled=self.shuffled)


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


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of one run; `seconds` is of the measured cycle, `ratio` is of its speed to the ceiling."""

    fares: int
    per_board: int
    shuffled: bool
    workers: int
    fares_per_second: int
    seconds: float
    changes: int
    expected_changes: int
    redis_bytes_per_fare: float
    ceiling_fares_per_second: int
    ratio: float
    cpu_us_per_fare: CpuPerFare
    worker_peak_mb: int


class StuckError(FarelarkError):
    """The workers compare nothing any more."""


async def measure(addresses: Addresses, folder: Path, plan: Plan, say: Say, done: Done) -> Result:
    """Measure on a running fleet of price workers with empty boards.

    Args:
        addresses: of the fleet.
        folder: of its children, where the encoded cycle waits as well.
        plan: of which the fleet has the workers.
        say: is told of each step.
        done: is told how many fares a round has done since it was last told.

    Raises:
        UnavailableError: a server was lost on the way.
        StuckError: the workers have not compared anything for a minute.
        ConfigurationError: the plan is of more boards than there are routes and dates.
    """
    rates = Rates.load(DEFAULT_RATES_FILE)
    sweep = plan.sweep(rates)
    say("filling the boards")
    bytes_per_fare = await _fill(addresses.redis, sweep, rates, done)
    say("encoding a cycle")
    bodies = Bodies(folder / "cycle.arrow")
    bodies.write(_encoded(sweep, done))
    say("comparing it through queue and workers")
    run = await _measure(addresses, Processes([folder]), bodies, sweep.fares, done)
    peak = max(peak_mb(service.pid) for service in addresses.services)
    say("comparing the next cycle without them")
    ceiling = sweep.fares / await _bare_seconds(addresses.redis, sweep, rates, done)
    speed = sweep.fares / run.seconds
    return Result(
        fares=plan.fares,
        per_board=plan.per_board,
        shuffled=plan.shuffled,
        workers=plan.workers,
        fares_per_second=round(speed),
        seconds=round(run.seconds, 3),
        changes=run.changes,
        expected_changes=sweep.expected_changes(_MEASURED),
        redis_bytes_per_fare=round(bytes_per_fare, 1),
        ceiling_fares_per_second=round(ceiling),
        ratio=round(speed / ceiling, 3),
        cpu_us_per_fare=run.cpu,
        worker_peak_mb=peak,
    )


async def _fill(redis_url: str, sweep: Sweep, rates: Rates, done: Done) -> float:
    """Fill the boards; returns how many bytes of Redis a fare has taken."""
    async with open_one(redis_url) as redis:
        empty = (await redis.info("memory"))["used_memory"]
        await fill_boards(redis_url, sweep, rates, done)
        return float((await redis.info("memory"))["used_memory"] - empty) / sweep.fares


def _encoded(sweep: Sweep, done: Done) -> Iterator[bytes]:
    for batch in sweep.batches(_MEASURED, datetime.now(UTC)):
        yield encode(FARES, batch)
        done(batch.num_rows)


async def _measure(addresses: Addresses, processes: Processes, bodies: Bodies, fares: int, done: Done) -> Run:
    async with open_chain(addresses) as chain, fare_publisher(addresses.amqp) as publisher:
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
        self._moved_at = time.monotonic()

    async def until(self, compared: int) -> None:
        """Return once so many fares are compared.

        Raises:
            StuckError: they have not come any further for a minute.
        """
        while self._compared < compared:
            now_compared = int((await self._chain.metrics()).get(_COMPARED, 0))
            if now_compared > self._compared:
                self._done(now_compared - self._compared)
                self._compared, self._moved_at = now_compared, time.monotonic()
            elif time.monotonic() - self._moved_at > _PATIENCE_S:
                raise StuckError(
                    f"the price workers have compared nothing for {_PATIENCE_S:g} s: their logs may say why"
                )
            if self._compared < compared:
                await asyncio.sleep(_LOOK_EVERY_S)


def _cpu_per_fare(before: Mapping[str, Usage], after: Mapping[str, Usage], fares: int) -> CpuPerFare:
    """What the processes of each kind have used; those of the workers have numbers where there are several."""

    def of(kind: str) -> float:
        used = sum(after[name].cpu_seconds - before[name].cpu_seconds for name in after if name.startswith(kind))
        return round(used / fares * _US, 3)

    return CpuPerFare(of("price_worker"), of("redis"), of("rabbitmq"))


async def _bare_seconds(redis_url: str, sweep: Sweep, rates: Rates, done: Done) -> float:
    """What the next cycle takes on the same boards in this process; checked before the clock runs."""
    store = BoardStore(redis_url)
    comparison = BareComparison(store, rates)
    seconds = 0.0
    for fares in comparison.read(sweep.batches(_MEASURED + 1, datetime.now(UTC))):
        started = time.monotonic()
        await comparison.run(fares)
        seconds += time.monotonic() - started
        done(len(fares.board))
    await store.close()
    return seconds
