"""What is written down of a source's cycles: in the cycle book, for its next turn, in metrics and in the log.

A cycle goes on while Redis is away; what could not be written down then is missing, and no more.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.ingest_gateway.sources.last_cycles import LastCycle, LastCycles
from services.ingest_gateway.sources.source_cycle import Ended, SourceCycle
from shared import metrics
from shared.cycles import CycleBook, Tally
from shared.errors import UnavailableError
from shared.sweeps import SweepEnding

_LONGEST_PAUSE_S: Final = 366 * 24 * 3_600.0  # a source may ask for more seconds than there are dates

log = structlog.get_logger()


class Records:
    """Writes down the cycles of one source.

    Args:
        source: its name.
        brings_within: after one complete cycle the next one is due.
        last_cycles: where every process finds when it was polled last.
        book: where people see how far a cycle is.
        tally: what this process has counted of the cycles' fares.
        clock: tells the instant in UTC.
    """

    def __init__(
        self,
        source: str,
        brings_within: timedelta,
        last_cycles: LastCycles,
        book: CycleBook,
        tally: Tally,
        clock: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._brings_within = brings_within
        self._last_cycles = last_cycles
        self._book = book
        self._tally = tally
        self._clock = clock
        self._completed: datetime | None = None
        for ending in SweepEnding:
            metrics.SOURCE_CYCLES.labels(source, ending.value)  # shows zero
        metrics.SOURCE_STOPPED.labels(source)

    async def last(self) -> LastCycle | None:
        """The cycle before, whichever process had it.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        last = await self._last_cycles.of(self._source)
        pauses = last is not None and last.resumes is not None and last.resumes > self._clock()
        metrics.SOURCE_STOPPED.labels(self._source).set(pauses)
        if last and last.completed:
            self._complete(last.completed)
        else:
            self._due_after(self._clock())
        return last

    async def begun(self, cycle: SourceCycle) -> None:
        """A cycle begins."""
        metrics.SOURCE_STOPPED.labels(self._source).set(0)
        log.info("cycle_began", source=self._source, cycle=cycle.id)
        async with self._as_far_as_redis_is_there():
            await self._last_cycles.keep(self._source, LastCycle(cycle.began, None, self._completed))
            await self._book.open_cycle(cycle.id)

    async def ended(self, cycle: SourceCycle, ended: Ended) -> LastCycle:
        """A cycle has ended, and is the last one now."""
        metrics.SOURCE_CYCLES.labels(self._source, ended.ending.value).inc()
        log.info(
            "cycle_ended",
            source=self._source,
            cycle=cycle.id,
            ending=ended.ending.value,
            reason=ended.reason,
            reasons=dict(cycle.set_aside),
            **asdict(cycle.counts),
        )
        if ended.ending is SweepEnding.STOPPED:
            self._stopped(ended)
        if ended.ending is SweepEnding.COMPLETE:
            self._complete(self._clock())
        last = LastCycle(cycle.began, ended.ending, self._completed, self._resumes(ended))
        async with self._as_far_as_redis_is_there():
            await self._last_cycles.keep(self._source, last)
            await self._tally.hand_over(self._book)
            await self._book.close_cycle(cycle.id, ended.ending, cycle.counts)
        return last

    def let_go(self) -> None:
        """The source is no longer this process': whether it is stopped is for the next one to say."""
        metrics.SOURCE_STOPPED.labels(self._source).set(0)

    def _complete(self, instant: datetime) -> None:
        self._completed = instant
        metrics.SOURCE_LAST_CYCLE_SECONDS.labels(self._source).set(instant.timestamp())
        self._due_after(instant)

    def _due_after(self, instant: datetime) -> None:
        metrics.SOURCE_DUE_SECONDS.labels(self._source).set((instant + self._brings_within).timestamp())

    def _resumes(self, ended: Ended) -> datetime | None:
        if ended.after_s is None:
            return None
        return self._clock() + timedelta(seconds=min(ended.after_s, _LONGEST_PAUSE_S))

    def _stopped(self, ended: Ended) -> None:
        metrics.SOURCE_STOPPED.labels(self._source).set(1)
        what_to_do = (
            f"nothing: the source is asked again in {ended.after_s:.0f} s"
            if ended.after_s is not None
            else "look at its credentials and contract, mend them, and restart the ingest gateway"
        )
        log.error("source_stopped", source=self._source, reason=ended.reason, what_to_do=what_to_do)

    @asynccontextmanager
    async def _as_far_as_redis_is_there(self) -> AsyncIterator[None]:
        try:
            yield
        except UnavailableError as error:
            log.warning("cycle_not_written_down", source=self._source, error=str(error))
