"""What polling a source for one cycle comes to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SweepEnding(StrEnum):
    """How a source's cycle ended."""

    COMPLETE = "complete"  # everything has been asked for, whatever it gave
    CUT_SHORT = "cut_short"  # the process was stopped, or another took the source over
    AWAY = "away"  # the source has stopped answering
    STOPPED = "stopped"  # the source will have nothing to do with us before somebody has looked, or for a time
    FAILED = "failed"  # a fault of our own


@dataclass(slots=True)
class SweepCounts:
    """Counts of a source's cycle, while it goes on and at its end.

    Attributes:
        requests: sent, each try counted; of a folder the files that were read.
        fares: accepted.
        set_aside: offers that are no fares, and fares that are not valid.
        skipped: searches that the source has nothing for.
        failed: searches, or files, that were given up.
    """

    requests: int = 0
    fares: int = 0
    set_aside: int = 0
    skipped: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Swept:
    """What the source of a cycle said when it closed it."""

    at: datetime
    ending: SweepEnding
    counts: SweepCounts
