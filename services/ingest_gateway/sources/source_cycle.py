"""One cycle of a source: what its work is given, and what it comes to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.ingest_gateway.sources.halt import Halt
from shared.sweeps import SweepCounts, SweepEnding


@dataclass(frozen=True, slots=True)
class SourceCycle:
    """A cycle that goes on.

    Attributes:
        id: says whose it is and when it began.
        began: in UTC.
        halt: ends it before its time.
        counts: what it has come to.
        set_aside: how many of its offers and fares are not taken, by reason.
    """

    id: str
    began: datetime
    halt: Halt
    counts: SweepCounts = field(default_factory=SweepCounts)
    set_aside: Counter[str] = field(default_factory=Counter)

    @classmethod
    def begin(cls, source: str, now: datetime, halt: Halt) -> "SourceCycle":
        """Begin a cycle of a source."""
        return cls(f"{source}-{now:%Y%m%dT%H%M%SZ}", now, halt)

    def note_set_aside(self, reasons: Mapping[str, int]) -> None:
        """Count what is not taken."""
        self.set_aside.update(reasons)
        self.counts.set_aside += sum(reasons.values())


@dataclass(frozen=True, slots=True)
class Ended:
    """How a cycle ended, and why; a source that stopped may have said for how many seconds."""

    ending: SweepEnding
    reason: str = ""
    after_s: float | None = None


class Work(Protocol):
    """What a source has to do."""

    async def waits(self) -> bool:
        """Whether there is something to do now."""

    async def run(self, cycle: SourceCycle) -> Ended:
        """Do it."""
