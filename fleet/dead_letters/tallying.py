"""How many dead letters there are, by queue and reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from fleet.dead_letters.letters import Letter
from fleet.dead_letters.rounds import Watch, go_through
from fleet.dead_letters.selection import Selection
from shared.broker.browsing import Browser


@dataclass(slots=True)
class Heap:
    """The letters of one queue and one reason.

    Attributes:
        oldest: when the first of them died, None if none says so; `newest` likewise.
        bytes: of their bodies.
    """

    count: int = 0
    bytes: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None

    def add(self, letter: Letter) -> None:
        """Put one more on it."""
        self.count += 1
        self.bytes += len(letter.seen.body)
        if died_at := letter.died_at:
            self.oldest = min(self.oldest or died_at, died_at)
            self.newest = max(self.newest or died_at, died_at)


# By the work queue's name and the reason.
Heaps: TypeAlias = Mapping[tuple[str, str], Heap]


async def tally(browser: Browser, selection: Selection, watch: Watch) -> Heaps:
    """Count the letters that are meant.

    Raises:
        UnavailableError: RabbitMQ is away.
    """
    heaps: dict[tuple[str, str], Heap] = {}
    async with go_through(browser, selection.queues, watch) as batches:
        async for batch in batches:
            for letter in filter(selection.matches, batch.letters):
                heaps.setdefault((letter.queue.name, letter.reason), Heap()).add(letter)
    return dict(sorted(heaps.items()))
