"""Reading with one statement on one shard.

A transaction under the map and the rates in force takes five times as long: it is for whoever goes on to write.
"""

from typing import Any, Final

import asyncpg

from shared.databases import reaching
from shared.errors import UnavailableError
from shared.shards import Shards

# The reference currency, as a column of a statement.
REFERENCE: Final = "(SELECT reference FROM rates JOIN shard_state ON rates_date = date) AS reference"


async def read(shards: Shards, shard: int, query: str, *arguments: object) -> list[asyncpg.Record]:
    """The rows that a statement gives.

    Raises:
        UnavailableError: the shard is away.
    """
    async with reaching(shards.name(shard)), shards.engines[shard].connect() as connection:
        raw: Any = await connection.get_raw_connection()
        driver: asyncpg.Connection = raw.driver_connection
        try:
            return await driver.fetch(query, *arguments)
        except asyncpg.InterfaceError as error:
            # After its server has hung up, asyncpg raises what it raises for misuse.
            if driver.is_closed():
                raise UnavailableError(shards.name(shard), "the connection was lost") from error
            raise
