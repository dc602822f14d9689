"""Watches the fleet until something is done, or the chain is at rest (see `fleet.chain`), and keeps what it sees."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from fleet.bench.cycle.samples import EVERY_S, Sample, Series, sample
from fleet.bench.patience import Patience, StuckError
from fleet.bench.processes import Processes
from fleet.chain import Chain, Look
from fleet.display import StageDisplay

PATIENCE_S: Final = 120.0  # for what waits out a retry, too

# Gives how much is left to do that no queue shows.
Left = Callable[[Sample], Awaitable[int]]


@dataclass
class Watch:
    """Looks on.

    Args:
        chain: of the fleet.
        processes: whose use of the machine is noted.
        display: where the looks are shown.
        series: where they are kept.
    """

    chain: Chain
    processes: Processes
    display: StageDisplay
    series: Series = field(default_factory=Series)
    _first: Look | None = field(default=None, init=False)

    async def until_done(self, what: str, left: Left) -> None:
        """Return once nothing of that is left.

        Raises:
            StuckError: something is left, and nothing has moved for two minutes.
            EndedError: a process of the fleet is no more.
            UnavailableError: the broker cannot be reached.
        """
        patience = Patience(PATIENCE_S)
        async for look, seen in self._looks():
            rest = await left(seen)
            self._show(f"{rest:,} {what} to go", look)
            if not rest:
                return
            check(patience, look, seen, rest)

    async def until_at_rest(self, left: Left) -> None:
        """Return once the chain has been at rest for two looks and nothing is left that no queue shows; as above."""
        settled, patience = None, Patience(PATIENCE_S)
        async for look, seen in self._looks():
            rest = await left(seen)
            self._show("the last messages", look)
            at_rest = not look.busy and not rest
            if at_rest and look.settled == settled:
                return
            settled = look.settled if at_rest else None
            check(patience, look, seen, rest)

    def _show(self, title: str, look: Look) -> None:
        self._first = self._first or look
        self.display.update(title, look, self._first)

    async def _looks(self) -> AsyncIterator[tuple[Look, Sample]]:
        while True:
            look = await self.chain.look()
            seen = sample(look, self.processes, self.series.last)
            self.series.add(seen)
            yield look, seen
            await asyncio.sleep(EVERY_S)


def check(patience: Patience, look: Look, seen: Sample, left: int) -> None:
    """Take note of a look.

    Raises:
        StuckError: it shows what was seen two minutes ago.
    """
    if patience.ends((look.settled, seen.done, left), seen.at):
        queues = look.left or "nothing"
        raise StuckError(f"nothing has moved for {patience.seconds:g} s: {left:,} to go; ready+in hand: {queues}")
