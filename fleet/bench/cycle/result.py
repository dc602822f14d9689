"""The figures of a measured cycle, and whether its books balance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fleet.bench.cycle.books import Ages
from fleet.bench.cycle.samples import Sample

# What the work of a stage is counted by.
STAGES: Final = {"price": "fares", "alerts": "matched", "notifier": "notifications"}


@dataclass(frozen=True, slots=True)
class Stage:
    """From the first to the last count of a stage."""

    seconds: float
    per_second: int


@dataclass(frozen=True, slots=True)
class Process:
    """What a process, with its descendants, used during the cycle; its peak is of the whole run."""

    name: str
    cpu_seconds: float
    peak_mb: int


@dataclass(frozen=True, slots=True)
class Queue:
    """The most messages that a queue held at a look."""

    name: str
    most_ready: int
    most_in_hand: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """What must agree once all is done; `kept_back` has the notifications that were not sent, by state and reason."""

    changes: int
    expected_changes: int
    claims: int
    notifications: int
    sent: int
    pushes: int
    kept_back: Mapping[str, int]
    set_aside: int
    dead_lettered: int

    def faults(self) -> list[str]:
        """What does not agree, in sentences."""
        told = self.sent + sum(self.kept_back.values())
        checks = {
            f"{self.changes:,} changes were published, {self.expected_changes:,} are expected": (
                self.changes == self.expected_changes
            ),
            f"alerts fired {self.claims:,} times, {self.notifications:,} notifications are recorded": (
                self.claims == self.notifications
            ),
            f"{self.notifications:,} notifications are recorded, {told:,} are sent or kept back for good": (
                self.notifications == told
            ),
            f"{self.sent:,} notifications are sent, the stand-in accepted {self.pushes:,} pushes": (
                self.sent == self.pushes
            ),
            f"{self.set_aside:,} documents are set aside": not self.set_aside,
            f"{self.dead_lettered:,} messages are dead letters": not self.dead_lettered,
        }
        return [fault for fault, holds in checks.items() if not holds]


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of one run.

    Attributes:
        fares: that were compared.
        alerts: in the shards.
        changes: that the price workers published.
        claims: of alerts by changes, and in a long cycle by the checks that follow after a minute.
        pushes: that the stand-in accepted.
        seconds: from the first batch on its way to the last push of the cycle, or the last change looked up.
        fares_per_second: over `seconds`.
        stages: price, alerts, notifier.
        observation_to_push: of the pushes of the cycle.
        processes: that used the machine.
        queues: how full they were.
        cpu_us_per_fare: of all processes together, without the bench's own.
        ledger: the books.
        balanced: whether they agree.
        machine: on which all this was.
        command: that gives this result.
    """

    fares: int
    alerts: int
    changes: int
    claims: int
    pushes: int
    seconds: float
    fares_per_second: int
    stages: Mapping[str, Stage]
    observation_to_push: Ages | None
    processes: Sequence[Process]
    queues: Sequence[Queue]
    cpu_us_per_fare: float
    ledger: Ledger
    balanced: bool
    machine: Mapping[str, str | int]
    command: str


def stages(samples: Sequence[Sample]) -> dict[str, Stage]:
    """The speed of each stage."""
    return {name: _stage(samples, counter) for name, counter in STAGES.items()}


def _stage(samples: Sequence[Sample], counter: str) -> Stage:
    """Its time is from the last look before its first count to the first look that shows its last one."""
    first, last = samples[0].done[counter], samples[-1].done[counter]
    began = max((one.at for one in samples if one.done[counter] == first), default=0.0)
    ended = min(one.at for one in samples if one.done[counter] == last)
    seconds = max(0.0, ended - began)
    return Stage(round(seconds, 2), round((last - first) / seconds) if seconds else 0)


def processes(during: Sequence[Sample], whole: Sequence[Sample]) -> list[Process]:
    """What each used during the cycle, the most first; its peak memory is of the whole run."""
    used = [
        Process(name, round(_cpu_seconds(during, name), 2), round(_peak(whole, name)))
        for name in {name for one in during for name in one.used}
    ]
    return sorted(used, key=lambda process: (-process.cpu_seconds, process.name))


def _cpu_seconds(samples: Sequence[Sample], name: str) -> float:
    """One that was not there yet had used nothing."""
    seen = [one.used[name].cpu_seconds for one in samples if name in one.used]
    return seen[-1] - (seen[0] if name in samples[0].used else 0)


def _peak(samples: Sequence[Sample], name: str) -> float:
    return max(one.used[name].memory_mb for one in samples if name in one.used)


def queues(samples: Sequence[Sample]) -> list[Queue]:
    """How full each was."""
    return [
        Queue(name, max(one.ready[name] for one in samples), max(one.in_hand[name] for one in samples))
        for name in samples[0].ready
    ]
