"""What was seen of a run, as columns over time: what a report plots and keeps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleet.bench.cycle.samples import Sample

Column = Sequence[float]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Columns of the same length.

    Attributes:
        seconds: since the first batch was on its way.
        done: by counter.
        ready: messages by queue.
        in_hand: messages by queue.
        cpu_seconds: since its start, by process: of one that has not begun, none; of one that has ended, the last ones.
        memory_mb: by process; one that is no more has none.
    """

    seconds: Column
    done: Mapping[str, Column]
    ready: Mapping[str, Column]
    in_hand: Mapping[str, Column]
    cpu_seconds: Mapping[str, Column]
    memory_mb: Mapping[str, Column]

    def cores(self) -> dict[str, npt.NDArray[np.float64]]:
        """How many cores each process used between one look and the next; one value less than there are looks."""
        spans = np.diff(self.seconds)
        return {name: np.diff(used) / spans for name, used in self.cpu_seconds.items()}


def timeline(samples: Sequence[Sample], began: float) -> Timeline:
    """The samples as columns; `began` is when the first batch was on its way."""
    return Timeline(
        seconds=[round(one.at - began, 3) for one in samples],
        done=_columns([one.done for one in samples]),
        ready=_columns([one.ready for one in samples]),
        in_hand=_columns([one.in_hand for one in samples]),
        cpu_seconds=_kept(_columns([{name: used.cpu_seconds for name, used in one.used.items()} for one in samples])),
        memory_mb=_columns([{name: round(used.memory_mb, 1) for name, used in one.used.items()} for one in samples]),
    )


def _kept(columns: Mapping[str, Column]) -> dict[str, Column]:
    """The columns with what was there once, where they fall."""
    return {name: np.maximum.accumulate(column).tolist() for name, column in columns.items()}


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, Column]:
    return {name: [row.get(name, 0) for row in rows] for name in _names(rows)}


def _names(rows: Iterable[Mapping[str, float]]) -> list[str]:
    """In the order in which they appear."""
    return list(dict.fromkeys(name for row in rows for name in row))
