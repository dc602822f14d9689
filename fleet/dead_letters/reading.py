"""Letters one by one, to be shown or written to a file; they stay where they are."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing

from fleet.dead_letters.letters import Letter
from fleet.dead_letters.rounds import Watch, go_through
from fleet.dead_letters.selection import Selection
from shared.broker.browsing import Browser


def reading(browser: Browser, selection: Selection, watch: Watch) -> AbstractAsyncContextManager[AsyncIterator[Letter]]:
    """The letters that are meant, each once, until whoever reads them has enough."""
    return aclosing(_each(browser, selection, watch))


async def _each(browser: Browser, selection: Selection, watch: Watch) -> AsyncGenerator[Letter, None]:
    async with go_through(browser, selection.queues, watch) as batches:
        async for batch in batches:
            for letter in filter(selection.matches, batch.letters):
                yield letter


async def first(browser: Browser, selection: Selection, most: int, watch: Watch) -> list[Letter]:
    """The first so many letters of those that are meant.

    Raises:
        UnavailableError: RabbitMQ is away.
    """
    found: list[Letter] = []
    async with reading(browser, selection, watch) as letters:
        async for letter in letters:
            found.append(letter)
            if len(found) == most:
                break
    return found
