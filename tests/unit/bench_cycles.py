"""A cycle of three looks, as the cycle bench would have measured it."""

from fleet.bench.cycle.books import Ages, Sent
from fleet.bench.cycle.measuring import Cycle, Seen
from fleet.bench.cycle.publisher import Published
from fleet.bench.cycle.result import Ledger, Process, Queue, Result, stages
from fleet.bench.cycle.samples import COUNTERS, Sample
from fleet.bench.processes import Usage

BEGAN = 1_000.0
BALANCED = Ledger(
    changes=200,
    expected_changes=200,
    claims=12,
    notifications=12,
    sent=10,
    pushes=10,
    kept_back={"suppressed: superseded": 2},
    set_aside=0,
    dead_lettered=0,
)


def seen_at(seconds: float, done: int = 0, ready: int = 0, cpu_seconds: float = 0, memory_mb: float = 100) -> Sample:
    """A look so long after the first batch, with the same numbers for every counter, queue and process."""
    return Sample(
        at=BEGAN + seconds,
        done=dict.fromkeys(COUNTERS, done),
        ready={"fares.ingest": ready, "changes.alerts": ready},
        in_hand={"fares.ingest": 4, "changes.alerts": 8},
        used=dict.fromkeys(("redis", "price_worker", "bench"), Usage(cpu_seconds, memory_mb)),
    )


SAMPLES = (seen_at(-0.5), seen_at(1, done=500, ready=7, cpu_seconds=1), seen_at(2.5, done=1_000, cpu_seconds=2))


def measured(ledger: Ledger = BALANCED) -> Cycle:
    """The cycle, and its books."""
    result = Result(
        fares=1_000,
        alerts=125,
        changes=ledger.changes,
        claims=ledger.claims,
        pushes=ledger.pushes,
        seconds=2.4,
        fares_per_second=417,
        stages=stages(SAMPLES),
        observation_to_push=Ages(1.25, 2.05),
        processes=[Process("redis", 2.0, 100), Process("price_worker", 2.0, 100)],
        queues=[Queue("fares.ingest", 7, 4)],
        cpu_us_per_fare=4_000.0,
        ledger=ledger,
        balanced=not ledger.faults(),
        machine={"cores": 2, "processor": "Some <processor>"},
        command="./farelark bench cycle --fares 1000",
    )
    published = Published(BEGAN, BEGAN + 1, 1_000)
    return Cycle(result, Seen(published, SAMPLES, Sent(BEGAN + 2.4, Ages(1.25, 2.05))))
