"""A history cut into the batches that are published."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fleet.replaying.history import History
from shared.messages.batches import MAX_ROWS

_MILLISECOND: Final = np.timedelta64(1, "ms")


@dataclass(frozen=True, slots=True)
class Batch:
    """Fares to publish in one message.

    Attributes:
        day: UTC date of the first observation among them.
        fares: rows with the columns of `FARES_SCHEMA`.
        lags: for each row, how many milliseconds before publication it is stamped; see `stamp`.
        last_of_day: whether what follows was observed on a later day, or nothing follows.
    """

    day: date
    fares: pa.RecordBatch
    lags: npt.NDArray[np.int64]
    last_of_day: bool


def batches(history: History, size: int = MAX_ROWS, *, by_day: bool = False) -> Iterator[Batch]:
    """Cut a history into batches of at most `size` rows; `by_day` also cuts between UTC days."""
    fares = history.fares.combine_chunks().to_batches()[0]
    instants = fares["observed_at"].to_numpy().astype("datetime64[ms]")
    days = instants.astype("datetime64[D]")
    lags = _lags(instants)
    for start, end in pairwise(_cuts(days, size, by_day=by_day)):
        yield Batch(
            day=days[start].item(),
            fares=fares.slice(start, end - start),
            lags=lags[start:end],
            last_of_day=end == len(days) or bool(days[end] != days[end - 1]),
        )


def stamp(batch: Batch, now: datetime) -> Batch:
    """Mark the fares as observed now, in the order in which they once were.

    Every distinct instant of a history becomes one millisecond: the last one is stamped `now`, the one before
    it a millisecond earlier, and so on. So two observations of a fare keep their order, within a batch and
    from batch to batch as long as `now` does not go back, and none lies in the future.
    """
    published = np.datetime64(int(now.timestamp() * 1000), "ms")
    observed_at = pa.array(published - batch.lags * _MILLISECOND).cast(pa.timestamp("ms", tz="UTC"))
    column = batch.fares.schema.get_field_index("observed_at")
    return replace(batch, fares=batch.fares.set_column(column, batch.fares.schema.field(column), observed_at))


def _lags(instants: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """How many distinct instants come after each; the instants are sorted."""
    steps = np.diff(instants, prepend=instants[:1]) != np.timedelta64(0)
    ranks = np.cumsum(steps)
    later: npt.NDArray[np.int64] = ranks[-1] - ranks
    return later


def _cuts(days: npt.NDArray[np.datetime64], size: int, *, by_day: bool) -> list[int]:
    """The positions between batches, both ends included."""
    turns = [int(turn) + 1 for turn in np.flatnonzero(days[1:] != days[:-1])] if by_day else []
    stretches = pairwise([0, *turns, len(days)])
    return [cut for start, end in stretches for cut in range(start, end, size)] + [len(days)]
