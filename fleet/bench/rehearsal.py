"""The SQL of the alert worker alone: learnt by letting its handler work on shards that forget, then run bare.

So the ceiling runs what the worker runs, statement by statement, with the same arguments and the same effect,
whatever becomes of the worker's code.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alert_worker.claiming import Claims
from services.alert_worker.handler import ChangesHandler
from shared.broker.outgoing import Outgoing
from shared.deliveries import Context, Delivery
from shared.failpoints import Failpoints
from shared.fakes import FakeAcknowledger, FakeBroker
from shared.messages import notifications
from shared.messages.batches import ARROW
from shared.shards import Shards, ShardTransaction
from shared.topology import NOTIFICATIONS

# Stands for what every transaction of ours reads first.
_STATE: Final = "SELECT map_version, rates_date, reach FROM shard_state"


class Statement(NamedTuple):
    """SQL with its arguments."""

    query: str
    arguments: tuple[Any, ...]


# What a batch makes each shard do in one transaction.
Script = dict[int, list[Statement]]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the worker would do with each of some batches, and how many alerts it would claim."""

    scripts: list[Script]
    claims: list[int]


class ForgetfulShards(Shards):
    """Shards whose transactions see one another and are rolled back all together; `script` gets their SQL."""

    def __init__(self, engines: Sequence[AsyncEngine]) -> None:
        super().__init__(engines)
        self.script: Script = {}
        self._open: dict[int, ShardTransaction] = {}
        self._closing = AsyncExitStack()

    @asynccontextmanager
    async def transaction(self, shard: int, buckets: Collection[int]) -> AsyncIterator[ShardTransaction]:
        """A part of the shard's one transaction."""
        if shard not in self._open:
            self._open[shard] = await self._closing.enter_async_context(super().transaction(shard, buckets))
        statements = self.script.setdefault(shard, [])
        with self._open[shard].driver.query_logger(
            lambda logged: statements.append(Statement(logged.query, logged.args))
        ):
            yield self._open[shard]

    async def close(self) -> None:
        """Roll back, and close all connections."""
        for transaction in self._open.values():
            await transaction.connection.rollback()
        await self._closing.aclose()
        await super().close()


async def rehearse(urls: Sequence[str], bodies: Iterable[bytes], now: datetime) -> Rehearsal:
    """Let the worker's handler match batches of changes, and leave the shards as they were.

    Args:
        urls: of the shards.
        bodies: the batches.
        now: when it claims; the sweeps look at the alerts once more some time after that.
    """
    broker, scripts, claims = FakeBroker(), [], []
    shards = ForgetfulShards(Shards.at(urls, application="bench", pool_size=1).engines)
    handle = ChangesHandler(Claims(broker, Failpoints(None)), shards, lambda: now)
    try:
        for body in bodies:
            shards.script = {}
            await handle([Delivery(body, ARROW, Context(), None, FakeAcknowledger())])
            scripts.append(shards.script)
            claims.append(sum(map(_notices_in, broker.published)))
            broker.published.clear()
    finally:
        await shards.close()
    return Rehearsal(scripts, claims)


def _notices_in(message: Outgoing) -> int:
    announced = message.exchange == NOTIFICATIONS.name
    return len(notifications.decode(message.body, message.content_type).notices) if announced else 0


async def perform(urls: Sequence[str], scripts: Sequence[Script], at_once: int, *, unmeasured: int) -> float:
    """Run scripts, so many at once and the parts of each side by side.

    Returns:
        The seconds that it takes, without those of the first `unmeasured` ones.
    """
    async with AsyncExitStack() as closing:
        # As the services connect: nothing is prepared beforehand, for a PgBouncer may stand between.
        pools = [
            await closing.enter_async_context(
                asyncpg.create_pool(url, min_size=at_once, max_size=at_once, statement_cache_size=0)
            )
            for url in urls
        ]
        await _perform_all(pools, scripts[:unmeasured], at_once)
        started = time.monotonic()
        await _perform_all(pools, scripts[unmeasured:], at_once)
        return time.monotonic() - started


async def _perform_all(pools: Sequence[asyncpg.Pool], scripts: Sequence[Script], at_once: int) -> None:
    remaining = iter(scripts)
    await asyncio.gather(*(_perform_in_turn(pools, remaining) for _ in range(at_once)))


async def _perform_in_turn(pools: Sequence[asyncpg.Pool], remaining: Iterator[Script]) -> None:
    for script in remaining:
        await asyncio.gather(*(_run(pools[shard], statements) for shard, statements in script.items()))


async def _run(pool: asyncpg.Pool, statements: Sequence[Statement]) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetch(_STATE)
        for statement in statements:
            await connection.fetch(statement.query, *statement.arguments)
