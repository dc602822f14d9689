"""Looks at a working fleet, twice a second: what was done, what waits, what each process uses."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fleet.bench.processes import Processes, Usage
from fleet.chain import Look
from shared.topology import WORK_QUEUES

EVERY_S: Final = 0.5
_MOST: Final = 2_000

# What the workers count, by what the report calls it.
COUNTERS: Final = {
    "fares": "farelark_fares_total",
    "changes": "farelark_changes_total",
    "matched": "farelark_changes_matched_total",
    "claims": "farelark_claims_total",
    "notifications": "farelark_notifications_total",
    "pushes": "farelark_pushes_total",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One look.

    Attributes:
        at: in seconds since 1970.
        done: by name of the counter.
        ready: messages by queue.
        in_hand: messages by queue.
        used: by name of the process.
    """

    at: float
    done: Mapping[str, int]
    ready: Mapping[str, int]
    in_hand: Mapping[str, int]
    used: Mapping[str, Usage]


class Series:
    """The samples of a run, at most some thousands however long it takes: what is long ago is seen less closely."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    @property
    def last(self) -> Sample | None:
        """The one that was added last."""
        return self.samples[-1] if self.samples else None

    def add(self, sample: Sample) -> None:
        """Keep one more; the first and the last are always kept."""
        self.samples.append(sample)
        if len(self.samples) > _MOST:
            del self.samples[1:-1:2]


def sample(look: Look, processes: Processes, before: Sample | None) -> Sample:
    """Put together what the chain shows and what the processes use; one that has ended keeps its counts."""
    depths = {queue.name: look.depths[queue.name] for queue in WORK_QUEUES}
    done = {name: int(look.metrics.get(metric, 0)) for name, metric in COUNTERS.items()}
    return Sample(
        at=time.time(),
        done={name: max(count, before.done[name]) for name, count in done.items()} if before else done,
        ready={name: depth.ready for name, depth in depths.items()},
        in_hand={name: depth.in_hand for name, depth in depths.items()},
        used=processes.look(),
    )
