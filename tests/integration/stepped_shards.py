"""Drives several who work on the shards at once one transaction at a time, in a given order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.shards import Shards, ShardTransaction

Work = Callable[[Shards], Awaitable[object]]


class SteppedShards(Shards):
    """Shards on which every transaction waits for its turn."""

    def __init__(self, engines: Sequence[AsyncEngine]) -> None:
        super().__init__(engines)
        self.asking = asyncio.Event()
        self.turn = asyncio.Semaphore(0)
        self._one_at_a_time = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self, shard: int, buckets: Collection[int]) -> AsyncIterator[ShardTransaction]:
        async with self._one_at_a_time:
            self.asking.set()
            await self.turn.acquire()
            async with super().transaction(shard, buckets) as transaction:
                yield transaction


class Actor:
    """Somebody at work, who can be let go on by one transaction, or killed."""

    def __init__(self, engines: Sequence[AsyncEngine], work: Work) -> None:
        self._shards = SteppedShards(engines)
        self.task = asyncio.ensure_future(work(self._shards))

    async def step(self) -> None:
        """One transaction; nothing, if the work is done."""
        await self._ready()
        self._shards.asking.clear()
        self._shards.turn.release()
        await self._ready()

    async def end(self) -> object:
        """Work on to the end and give the outcome, an error too."""
        while not self.task.done():
            await self.step()
        return self.task.exception() or self.task.result()

    async def kill(self) -> None:
        """Do nothing more."""
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _ready(self) -> None:
        asking = asyncio.create_task(self._shards.asking.wait())
        await asyncio.wait([asking, self.task], return_when=asyncio.FIRST_COMPLETED)
        asking.cancel()


async def interleaved(engines: Sequence[AsyncEngine], works: Sequence[Work], order: Sequence[int]) -> list[object]:
    """Let all work, by turns in this order and then each to its end; gives what came of each."""
    actors = [Actor(engines, work) for work in works]
    for which in order:
        await actors[which].step()
    return [await actor.end() for actor in actors]
