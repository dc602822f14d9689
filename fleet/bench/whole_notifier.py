"""A notifier with all around it, measured from its queue to the last row that says `sent`."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import asyncpg
import psutil

from fleet.addresses import Addresses
from fleet.bench.patience import PATIENCE_S, Patience, StuckError
from fleet.bench.push_sending import Run
from fleet.bench.synthetic_firings import Firing, invent, messages, settle
from fleet.chain import Chain, open_chain
from shared.broker.broker import Broker
from shared.errors import FarelarkError
from shared.shard_map import ShardMap
from shared.shards import Shards

_LOOK_EVERY_S: Final = 0.1
_CONCLUDED: Final = "farelark_notifications_total"


class UnsentError(FarelarkError):
    """Not every firing was sent."""


class WholeNotifier:
    """The one worker of a running fleet; every firing is of a new alert and a new traveller."""

    def __init__(self, addresses: Addresses, chain: Chain, broker: Broker, shard_map: ShardMap) -> None:
        self._addresses = addresses
        self._chain = chain
        self._broker = broker
        self._shard_map = shard_map
        self._seed = 0

    async def send(self, warm_up: int, count: int) -> Run:
        """Have so many firings sent after so many others, by which time the queue is full.

        Raises:
            UnsentError: some were not.
            StuckError: it has sent nothing for a minute.
        """
        firings = await self._settle(warm_up + count)
        start = await self._look()
        await self._broker.publish_all(messages(firings))
        begun, full = await self._looks_around(start, start.pushes + warm_up)
        _, ended = await self._looks_around(full, start.pushes + warm_up + count)
        await self._check(firings)
        return Run(ended.pushes - begun.pushes, ended.seconds - begun.seconds, ended.cpu_seconds - begun.cpu_seconds)

    async def _settle(self, count: int) -> Sequence[Firing]:
        self._seed += 1
        firings = invent(count, self._seed, datetime.now(UTC))
        await settle(self._addresses.accounts, self._addresses.shards, self._shard_map, firings)
        return firings

    async def _looks_around(self, first: Run, pushes: int) -> tuple[Run, Run]:
        """What it had done by the last look before, and the first after, it had sent so many in all."""
        before, after, patience = first, first, Patience()
        while after.pushes < pushes:
            await asyncio.sleep(_LOOK_EVERY_S)
            before, after = after, await self._look()
            if patience.ends(after.pushes, after.seconds):
                raise StuckError(f"the notifier has sent nothing for {PATIENCE_S:g} s: see its log")
        return before, after

    async def _look(self) -> Run:
        sent = int((await self._chain.metrics()).get(_CONCLUDED, 0))
        (service,) = self._addresses.services
        used = psutil.Process(service.pid).cpu_times()
        return Run(sent, time.monotonic(), used.user + used.system)

    async def _check(self, firings: Sequence[Firing]) -> None:
        connection = await asyncpg.connect(self._addresses.accounts)
        statement = "SELECT count(*) FROM notifications WHERE id = ANY($1) AND state = 'sent'"
        try:
            sent = await connection.fetchval(statement, [firing.notification.id for firing in firings])
        finally:
            await connection.close()
        if sent != len(firings):
            raise UnsentError(f"of {len(firings)} firings {sent} are sent")


@asynccontextmanager
async def whole_notifier(addresses: Addresses) -> AsyncIterator[WholeNotifier]:
    """The notifier of a fleet that runs nothing else."""
    shards = Shards.at(addresses.shards, application="bench", pool_size=1)
    broker = await Broker.connect(addresses.amqp, "bench")
    try:
        async with open_chain(addresses) as chain:
            yield WholeNotifier(addresses, chain, broker, await shards.current_map())
    finally:
        await broker.close()
        await shards.close()
