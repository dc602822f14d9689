"""Bringing dead letters back to their work queues.

Published first and confirmed, then taken from the dead letters: a crash between the two leaves a letter that comes back
once more. Whoever gets it twice knows it, as every message of the chain may be repeated.
"""

import asyncio
from collections.abc import Sequence

from fleet.dead_letters.letters import Letter
from fleet.dead_letters.rounds import Watch, go_through
from fleet.dead_letters.selection import Selection
from shared.broker.broker import Broker
from shared.broker.browsing import Browser, Look
from shared.failpoints import Failpoints


class Replayer:
    """Publishes letters again.

    Args:
        broker: to publish with.
        failpoints: where tests may kill it.
    """

    def __init__(self, broker: Broker, failpoints: Failpoints) -> None:
        self._broker = broker
        self._failpoints = failpoints

    async def replay(self, browser: Browser, selection: Selection, watch: Watch) -> int:
        """Bring back the letters that are meant; gives how many. What dies meanwhile is left for the next time.

        Raises:
            UnavailableError: RabbitMQ is away, or takes no more; the letters that are left are where they were.
        """
        replayed = 0
        async with go_through(browser, selection.queues, watch) as batches:
            async for batch in batches:
                meant = list(filter(selection.matches, batch.letters))
                await self.bring_back(batch.look, meant)
                replayed += len(meant)
        return replayed

    async def bring_back(self, look: Look, letters: Sequence[Letter], *, redriven: bool = False) -> None:
        """Bring back these letters, and all of them that can be.

        Raises:
            UnavailableError: one could not be published, or not be taken out afterwards.
        """
        moves = (self._move(look, letter, redriven=redriven) for letter in letters)
        for outcome in await asyncio.gather(*moves, return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def _move(self, look: Look, letter: Letter, *, redriven: bool) -> None:
        await self._broker.publish(letter.again(redriven=redriven))
        self._failpoints.hit("dead_letters.published")
        await look.take_out(letter.seen)
