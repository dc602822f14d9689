"""Throwing dead letters away, which nothing brings back."""

from collections import Counter
from collections.abc import Mapping

from fleet.dead_letters.letters import Letter
from fleet.dead_letters.rounds import Watch, go_through
from fleet.dead_letters.selection import Selection
from shared.broker.browsing import Browser


class Allowance:
    """How many letters of each work queue and reason may go: no more than somebody was asked about.

    Those that died first come first, so it is those that died since which stay.
    """

    def __init__(self, most: Mapping[tuple[str, str], int]) -> None:
        self._left = Counter(most)

    def covers(self, letter: Letter) -> bool:
        """Whether this one may go, which counts."""
        self._left[letter.queue.name, letter.reason] -= 1
        return self._left[letter.queue.name, letter.reason] >= 0


async def discard(browser: Browser, selection: Selection, allowance: Allowance | None, watch: Watch) -> int:
    """Throw away the letters that are meant; gives how many these were.

    Args:
        browser: to look through the queues with.
        selection: which are meant.
        allowance: what was said that might go; None for all that are meant.
        watch: is told how far it is.

    Raises:
        UnavailableError: RabbitMQ is away; the letters that are left are where they were.
    """
    discarded = 0
    async with go_through(browser, selection.queues, watch) as batches:
        async for batch in batches:
            for letter in filter(selection.matches, batch.letters):
                if allowance is None or allowance.covers(letter):
                    await batch.look.take_out(letter.seen)
                    discarded += 1
    return discarded
