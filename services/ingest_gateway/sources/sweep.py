"""A sweep: all searches of a travel API, page by page, several at once."""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Final

import structlog

from services.ingest_gateway.sources.asking import Asking, Away, Failed
from services.ingest_gateway.sources.giving import Giving
from services.ingest_gateway.sources.halt import Halt, HaltedError
from services.ingest_gateway.sources.source import Page, Request, Skip, Stop
from services.ingest_gateway.sources.source_cycle import Ended
from shared.sweeps import SweepCounts, SweepEnding

_MOST_PAGES: Final = 1_000  # of one search: a source may lead in circles

log = structlog.get_logger()


class Sweep:
    """One sweep of one source.

    Args:
        asking: asks it.
        giving: takes what it gives.
        counts: of the cycle.
        halt: ends every wait for the source; the sweep calls it when it ends before its time.
    """

    def __init__(self, asking: Asking, giving: Giving, counts: SweepCounts, halt: Halt) -> None:
        self._asking = asking
        self._giving = giving
        self._counts = counts
        self._halt = halt
        self._ended: Ended | None = None

    async def run(self, searches: Iterator[Request], at_once: int) -> Ended:
        """Make all searches, so many at once, unless something ends the sweep before."""
        async with asyncio.TaskGroup() as working:
            for _ in range(at_once):
                working.create_task(self._work(searches))
        return self._ended or Ended(SweepEnding.COMPLETE)

    async def _work(self, searches: Iterator[Request]) -> None:
        while not self._ended and (first := next(searches, None)):
            try:
                await self._search(first)
            except HaltedError:
                self._end(Ended(SweepEnding.CUT_SHORT))
            except Exception:  # a fault of ours in one search must not keep the others from being made
                log.exception("search_failed", what=first.what)
                self._counts.failed += 1

    async def _search(self, first: Request) -> None:
        waiting = deque([first])
        for _ in range(_MOST_PAGES):
            if self._ended or not waiting:
                return
            settled = await self._asking.ask(waiting.popleft())
            if not isinstance(settled, Page):
                self._give_up(first, settled)
                return
            await self._giving.give(settled.mapped)
            waiting.extend(settled.further)
        self._give_up(first, Failed("endless"))

    def _give_up(self, search: Request, settled: Skip | Stop | Failed | Away) -> None:
        log.info("search_given_up", what=search.what, how=type(settled).__name__, reason=settled.reason)
        match settled:
            case Skip():
                self._counts.skipped += 1
            case Failed():
                self._counts.failed += 1
            case Away(reason):
                self._end(Ended(SweepEnding.AWAY, reason))
            case Stop(reason, after_s):
                self._end(Ended(SweepEnding.STOPPED, reason, after_s))

    def _end(self, ended: Ended) -> None:
        self._ended = self._ended or ended
        self._halt.call()
