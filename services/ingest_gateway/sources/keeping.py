"""One source in one process: waits for its lease, then for its turn, and works cycle after cycle."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.ingest_gateway.sources.halt import Halt, HaltedError
from services.ingest_gateway.sources.last_cycles import LastCycle, due
from services.ingest_gateway.sources.lease import RENEWED_EVERY_S, Lease
from services.ingest_gateway.sources.records import Records
from services.ingest_gateway.sources.source_cycle import Ended, SourceCycle, Work
from shared.errors import UnavailableError
from shared.periodic import end
from shared.sweeps import SweepEnding

_JITTER: Final = 0.05  # of the time between two cycles: sources of one time must not all start together

log = structlog.get_logger()


class Keeping:
    """Keeps one source polled.

    Args:
        source: its name.
        every: time between the beginnings of two cycles.
        work: what a cycle does.
        lease: says whether it is ours.
        records: of its cycles.
        clock: tells the instant in UTC.
    """

    def __init__(
        self,
        source: str,
        every: timedelta,
        work: Work,
        lease: Lease,
        records: Records,
        clock: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._every = every
        self._work = work
        self._lease = lease
        self._records = records
        self._clock = clock

    async def run(self, stopping: asyncio.Event) -> None:
        """Poll while the source is ours, until told to stop."""
        while not stopping.is_set():
            if await self._lease.take():
                await self._hold(stopping)
            await _within(stopping, RENEWED_EVERY_S)

    async def _hold(self, stopping: asyncio.Event) -> None:
        log.info("source_taken_over", source=self._source)
        halt = Halt()
        renewing = asyncio.create_task(self._renew(stopping, halt), name=f"lease of {self._source}")
        try:
            await self._poll(halt)
        finally:
            await end([renewing])
            self._records.let_go()
            with suppress(UnavailableError):
                await self._lease.give_back()

    async def _renew(self, stopping: asyncio.Event, halt: Halt) -> None:
        """Halt the work when the process stops or the lease is lost."""
        while not await _within(stopping, RENEWED_EVERY_S) and await self._lease.take():
            pass
        if not stopping.is_set():
            log.warning("source_lost", source=self._source)
        halt.call()

    async def _poll(self, halt: Halt) -> None:
        with suppress(HaltedError):
            await halt.pause(await self._until_first_turn())
            while True:
                if not await self._work.waits():
                    await halt.pause(self._every.total_seconds())
                    continue
                cycle = SourceCycle.begin(self._source, self._clock(), halt)
                await self._until_next_turn(await self._cycle(cycle), halt)

    async def _until_first_turn(self) -> float:
        """Seconds; while Redis is away nobody knows, and the lease will soon be lost."""
        try:
            last = await self._records.last()
        except UnavailableError:
            return self._every.total_seconds() / 10
        return self._seconds_until(due(last, self._every, self._clock()))

    async def _cycle(self, cycle: SourceCycle) -> LastCycle:
        await self._records.begun(cycle)
        try:
            ended = await self._work.run(cycle)
        except HaltedError:
            ended = Ended(SweepEnding.CUT_SHORT)
        except Exception:  # a fault of ours in one source must not end the others, nor the gateway
            log.exception("cycle_failed", source=self._source, cycle=cycle.id)
            ended = Ended(SweepEnding.FAILED, "unexpected")
        return await self._records.ended(cycle, ended)

    async def _until_next_turn(self, last: LastCycle, halt: Halt) -> None:
        if last.ending is SweepEnding.STOPPED and last.resumes is None:
            await halt.wait()  # the lease stays ours, so that no other process tries what is refused to us
            halt.check()
        await halt.pause(self._seconds_until(due(last, self._every, self._clock())))

    def _seconds_until(self, instant: datetime) -> float:
        seconds = (instant - self._clock()).total_seconds()
        jitter = self._every.total_seconds() * random.uniform(0, _JITTER)  # noqa: S311  # spreads load, hides nothing
        return seconds + jitter if seconds > 0 else 0


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether it is set within so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
