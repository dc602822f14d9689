"""A source's fares on their way into the gateway, which may have to wait until it takes them."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

import pyarrow as pa
import structlog

from services.ingest_gateway.intake.taken import FareValues, Taken
from services.ingest_gateway.sources.source import Mapped
from services.ingest_gateway.sources.source_cycle import SourceCycle
from shared import metrics
from shared.backoff import Backoff
from shared.errors import UnavailableError
from shared.fare_lanes import Lane

_LONGEST_WAIT_S: Final = 30.0

log = structlog.get_logger()


class Taker(Protocol):
    """Takes fares, as the gateway's `Intake` does; both raise `UnavailableError` where they may be given again."""

    async def take(self, fares: Sequence[FareValues], lane: Lane, cycle: str | None) -> Taken:
        """Take fares; returns when they are safe."""

    async def take_batch(self, fares: pa.RecordBatch, lane: Lane, cycle: str | None) -> Taken:
        """Take rows of the fares' schema; returns when they are safe."""


class Giving:
    """Gives away the fares of one cycle, and counts them. A halt ends the waits, not what is being taken.

    Args:
        intake: takes them.
        lane: theirs.
        cycle: theirs.
        first_wait_s: while the intake takes nothing; twice as long each further time.
    """

    def __init__(self, intake: Taker, lane: Lane, cycle: SourceCycle, first_wait_s: float) -> None:
        self._intake = intake
        self._lane = lane
        self._cycle = cycle
        self._first_wait_s = first_wait_s

    async def give(self, mapped: Mapped) -> None:
        """Give a page of fares; they are with the broker or in the spool then.

        Raises:
            HaltedError: the work on this source ends here, and nobody has taken them.
        """
        self.set_aside(mapped.set_aside)
        if mapped.fares:
            await self._give(partial(self._intake.take, mapped.fares), len(mapped.fares))

    async def give_rows(self, rows: pa.RecordBatch) -> None:
        """Give rows of the fares' schema, as `give` does."""
        if rows.num_rows:
            await self._give(partial(self._intake.take_batch, rows), rows.num_rows)

    def set_aside(self, reasons: Mapping[str, int]) -> None:
        """Count, by reason, what is no fare and so is not given."""
        for reason, count in reasons.items():
            metrics.INGEST_SET_ASIDE.labels(reason).inc(count)
        self._cycle.note_set_aside(reasons)

    async def _give(self, take: Callable[[Lane, str], Awaitable[Taken]], count: int) -> None:
        taken = await self._taken(take)
        self._cycle.note_set_aside(Counter(reason for _, reason in taken.faults))  # the intake's metric has them
        self._cycle.counts.fares += count - len(taken.faults)

    async def _taken(self, take: Callable[[Lane, str], Awaitable[Taken]]) -> Taken:
        backoff = Backoff(self._first_wait_s, _LONGEST_WAIT_S)
        while True:
            try:
                return await take(self._lane, self._cycle.id)
            except UnavailableError as error:
                log.warning("source_waits", cycle=self._cycle.id, error=str(error))
                async with self._cycle.halt.ending():
                    await backoff.pause()
