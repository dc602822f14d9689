"""Puts the fares of many small calls together, so that they travel as one batch.

A batch leaves when it is full, or when its first fares have waited for as long as is worth waiting for others. Whoever
gave fares waits until the batch they are in is safe.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter

from services.ingest_gateway.intake.taken import FareValues, Taken
from shared.fare_lanes import Lane
from shared.messages.batches import MAX_ROWS

Kind = tuple[Lane, str | None]  # lane and cycle, which all fares of a batch have in common
Send = Callable[[Sequence[FareValues], Lane, str | None], Awaitable[Taken]]


@dataclass
class _Gathering:
    """A batch that is being put together, and what becomes of it."""

    fares: list[FareValues] = field(default_factory=list)
    full: asyncio.Event = field(default_factory=asyncio.Event)
    taken: asyncio.Task[Taken] = field(init=False)

    def add(self, fares: Sequence[FareValues]) -> int:
        """Add fares; returns the position of the first."""
        first = len(self.fares)
        self.fares.extend(fares)
        if len(self.fares) == MAX_ROWS:
            self.full.set()
        return first


class Collector:
    """Gathers fares by lane and cycle.

    Args:
        age_s: how long the first fares of a batch wait for others, in seconds.
        send: takes a batch's fares, and returns when they are safe.
    """

    def __init__(self, age_s: float, send: Send) -> None:
        self._age_s = age_s
        self._send = send
        self._open: dict[Kind, _Gathering] = {}

    async def add(self, fares: Sequence[FareValues], lane: Lane, cycle: str | None) -> Taken:
        """Have fares sent with others; returns what became of these.

        Args:
            fares: at most `MAX_ROWS`.
            lane: that they go by.
            cycle: that they belong to.

        Raises:
            UnavailableError: they found no place.
        """
        gathering = self._gathering((lane, cycle), len(fares))
        first = gathering.add(fares)
        taken = await asyncio.shield(gathering.taken)  # one who waits no more does not spoil it for the others
        return _part(taken, first, len(fares))

    def _gathering(self, kind: Kind, count: int) -> _Gathering:
        """A batch of this kind with room for so many."""
        gathering = self._open.get(kind)
        if gathering and len(gathering.fares) + count > MAX_ROWS:
            gathering.full.set()
            gathering = None
        if gathering is None:
            gathering = self._open[kind] = _Gathering()
            gathering.taken = asyncio.create_task(self._gather(gathering, kind), name="gathering fares")
        return gathering

    async def _gather(self, gathering: _Gathering, kind: Kind) -> Taken:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._age_s):
                await gathering.full.wait()
        if self._open.get(kind) is gathering:
            del self._open[kind]
        return await self._send(gathering.fares, *kind)


def _part(taken: Taken, first: int, count: int) -> Taken:
    """What concerns one caller's fares, with positions among these."""
    faults = taken.faults
    if faults:
        begin, end = (bisect_left(faults, position, key=itemgetter(0)) for position in (first, first + count))
        faults = [(position - first, reason) for position, reason in faults[begin:end]]
    return Taken(faults, taken.spooled)
