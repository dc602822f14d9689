"""How fast the price stage is: from the queue to confirmed changes and written boards.

A fleet of its own runs price workers only. The boards are filled without them; a cycle with moved prices is measured
through the queue. Then the next one goes through the same comparison and the same Redis calls in one process, without
broker, decoding and changes: the ceiling.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from fleet.addresses import Addresses
from fleet.bench import price_run
from fleet.bench.bare_comparison import BareComparison, fill_boards
from fleet.bench.bodies import Bodies
from fleet.bench.market import Market
from fleet.bench.one_redis import open_one
from fleet.bench.peak_memory import peak_mb
from fleet.bench.price_run import CpuPerFare, Done
from fleet.bench.processes import Processes
from fleet.bench.sweep import Sweep
from fleet.workers import only
from shared.fare_boards.store import BoardStore
from shared.messages.batches import encode
from shared.messages.fares import FARES
from shared.money import Rates
from shared.settings import DEFAULT_RATES_FILE

ONLY_PRICE_WORKERS: Final = only("price_worker")
ROUNDS: Final = 4  # each fare is put on its board, encoded, compared through the queue, and compared without one
_ROUTES: Final = 2_000
_SEED: Final = 1
_US: Final = 1_000_000
_MEASURED: Final = 1  # cycle 0 is put straight onto the boards

Say = Callable[[str], None]


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

    @property
    def rates(self) -> Rates:
        """What prices in other currencies go by."""
        return Rates.load(DEFAULT_RATES_FILE)

    def sweep(self) -> Sweep:
        """The fares; raises ConfigurationError where there are not so many routes and dates."""
        market = Market(_ROUTES, np.random.default_rng(_SEED))
        today = datetime.now(UTC).date()
        return Sweep(market, self.fares, self.per_board, self.rates, _SEED, today, self.changed, shuffled=self.shuffled)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Fares a second, and what of the processor's time a fare takes by step, in microseconds."""

    speed: float
    steps: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of one run; `seconds` is of the measured cycle, `ratio` is of its speed to the ceiling.

    The ceiling's processor time is of this process by step; checking the fares, `validate`, is no part of its speed.
    """

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
    ceiling_cpu_us_per_fare: Mapping[str, float]
    worker_peak_mb: int


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
    rates, sweep = plan.rates, plan.sweep()
    say("filling the boards")
    bytes_per_fare = await _fill(addresses.redis, sweep, rates, done)
    say("encoding a cycle")
    bodies = Bodies(folder / "cycle.arrow")
    bodies.write(_encoded(sweep, done))
    say("comparing it through queue and workers")
    measured = await price_run.run(addresses, Processes([folder]), bodies, sweep.fares, done)
    peak = max(peak_mb(service.pid) for service in addresses.services)
    say("comparing the next cycle without them")
    ceiling = await _measure_ceiling(addresses.redis, sweep, rates, done)
    speed = sweep.fares / measured.seconds
    return Result(
        fares=plan.fares,
        per_board=plan.per_board,
        shuffled=plan.shuffled,
        workers=plan.workers,
        fares_per_second=round(speed),
        seconds=round(measured.seconds, 3),
        changes=measured.changes,
        expected_changes=sweep.expected_changes(_MEASURED),
        redis_bytes_per_fare=round(bytes_per_fare, 1),
        ceiling_fares_per_second=round(ceiling.speed),
        ratio=round(speed / ceiling.speed, 3),
        cpu_us_per_fare=measured.cpu,
        ceiling_cpu_us_per_fare=ceiling.steps,
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


async def _measure_ceiling(redis_url: str, sweep: Sweep, rates: Rates, done: Done) -> Ceiling:
    """Compare the next cycle on the same boards in this process; it is checked while the clock stands still."""
    store = BoardStore(redis_url)
    comparison = BareComparison(store, rates)
    seconds = 0.0
    for fares in comparison.read(sweep.batches(_MEASURED + 1, datetime.now(UTC))):
        started = time.monotonic()
        await comparison.run(fares)
        seconds += time.monotonic() - started
        done(len(fares.board))
    await store.close()
    steps = {step: round(used / sweep.fares * _US, 3) for step, used in comparison.steps.seconds.items()}
    return Ceiling(sweep.fares / seconds, steps)
