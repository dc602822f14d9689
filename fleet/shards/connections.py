"""A connection to every shard, straight to its server, for those who look at all of them or change what they hold."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from shared.databases import CONNECT_TIMEOUT_S, reaching
from shared.errors import UnavailableError
from shared.shards import Shards

# As long as a scan of a full shard may take.
_COMMAND_TIMEOUT_S: Final = 300.0
# Rows of two servers are compared as text, so both must write a time alike.
_SETTINGS: Final = {"application_name": "farelark-shards", "timezone": "UTC"}


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard and a connection of our own to it."""

    number: int
    connection: asyncpg.Connection

    @property
    def name(self) -> str:
        """What it is called in errors and tables."""
        return Shards.name(self.number)

    @asynccontextmanager
    async def reached(self) -> AsyncIterator[asyncpg.Connection]:
        """The connection, for a block of statements.

        Raises:
            UnavailableError: the server went away meanwhile.
        """
        try:
            async with reaching(self.name):
                yield self.connection
        except asyncpg.InterfaceError as error:
            # Asked for anything more after its server has hung up, asyncpg raises what it raises for misuse.
            if self.connection.is_closed():
                raise UnavailableError(self.name, "the connection was lost") from error
            raise


@asynccontextmanager
async def connected(urls: Sequence[str]) -> AsyncIterator[list[Shard]]:
    """All shards, connected while the block runs.

    Args:
        urls: in the order of the shard map; not of a PgBouncer, for sessions keep locks.

    Raises:
        UnavailableError: one cannot be reached.
    """
    async with AsyncExitStack() as closing:
        shards = []
        for number, url in enumerate(urls):
            shards.append(Shard(number, await connect(Shards.name(number), url)))
            closing.push_async_callback(shards[-1].connection.close)
        yield shards


async def connect(name: str, url: str) -> asyncpg.Connection:
    """A connection to one shard.

    Raises:
        UnavailableError: it cannot be reached.
    """
    async with reaching(name):
        return await asyncpg.connect(
            url, timeout=CONNECT_TIMEOUT_S, command_timeout=_COMMAND_TIMEOUT_S, server_settings=_SETTINGS
        )
