"""Going through dead letters queue by queue, a batch at a time."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Final, Protocol

from fleet.dead_letters.letters import Letter
from shared.broker.browsing import Browser, Look
from shared.topology import WorkQueue

_MOST_LETTERS: Final = 100
_MOST_BYTES: Final = 8 * 1024**2


class Watch(Protocol):
    """Is told how far a round has come."""

    def began(self, queue: WorkQueue, ready: int, *, shared: bool) -> None:
        """A queue's turn has come: so many letters are there, and maybe more in the hands of somebody else."""

    def advanced(self, letters: int) -> None:
        """So many more have been seen."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some letters of one queue, held by the look at it until the next batch of another queue comes."""

    look: Look
    letters: Sequence[Letter]


def go_through(
    browser: Browser, queues: Iterable[WorkQueue], watch: Watch
) -> AbstractAsyncContextManager[AsyncIterator[Batch]]:
    """Every letter that lies there when its queue's turn comes, once.

    The batches raise `UnavailableError` if RabbitMQ is away; what was not taken out is where it was.
    """
    return aclosing(_each_batch(browser, queues, watch))


async def _each_batch(browser: Browser, queues: Iterable[WorkQueue], watch: Watch) -> AsyncGenerator[Batch, None]:
    for queue in queues:
        async with browser.look_through(queue.dead) as look:
            watch.began(queue, look.ready, shared=look.shared)
            async for letters in _batches(queue, look):
                yield Batch(look, letters)
                watch.advanced(len(letters))


async def _batches(queue: WorkQueue, look: Look) -> AsyncIterator[Sequence[Letter]]:
    batch: list[Letter] = []
    size = 0
    async for seen in look.messages():
        batch.append(Letter.read(queue, seen))
        size += len(seen.body)
        if len(batch) == _MOST_LETTERS or size >= _MOST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
