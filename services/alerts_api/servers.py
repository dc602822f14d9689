"""The servers that the API stands on, connected to as requests need them, and to RabbitMQ in the background."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self

from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.alerts.evaluations import Evaluations
from services.alerts_api.http.rate_limits import RateLimits
from services.alerts_api.settings import Settings
from shared.broker.broker import Broker
from shared.databases import open_engine
from shared.fare_boards.store import BoardStore
from shared.shards import Shards

NAME = "alerts_api"

Connect = Callable[[str, str], Awaitable[Broker]]


@dataclass(frozen=True, slots=True)
class Servers:
    """The databases, the boards, the counts of requests, and the way to the alert workers."""

    accounts: AsyncEngine
    shards: Shards
    boards: BoardStore
    counts: RateLimits
    evaluations: Evaluations

    @classmethod
    def of(cls, settings: Settings, connect: Connect) -> Self:
        """The servers that the settings name.

        Raises:
            ConfigurationError: there is no shard.
        """
        prepared = settings.prepared_statements
        accounts_pool, shard_pool = settings.accounts_connections, settings.shard_connections
        accounts = open_engine(
            settings.accounts_url, name="accounts", application=NAME, pool_size=accounts_pool, prepared=prepared
        )
        return cls(
            accounts,
            Shards.at(settings.shards, application=NAME, pool_size=shard_pool, prepared=prepared),
            BoardStore(settings.redis_url),
            RateLimits(settings.redis_url),
            Evaluations(partial(connect, settings.rabbitmq_url, NAME)),
        )

    @asynccontextmanager
    async def connected(self, _: Litestar) -> AsyncIterator[None]:
        """Give the connections back once the last request is answered."""
        try:
            async with self.evaluations.connecting():
                yield
        finally:
            await asyncio.gather(self.accounts.dispose(), self.shards.close(), self.boards.close(), self.counts.close())
