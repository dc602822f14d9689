"""What the fleet's databases say of the measured cycle."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import asyncpg

from fleet.addresses import Addresses

_CLAIMS: Final = "SELECT coalesce(sum(fire_seq), 0) FROM alerts"
_HELD: Final = "SELECT count(*) FROM notifications WHERE state = 'held'"
_BY_STATE: Final = "SELECT state, coalesce(reason, ''), count(*) FROM notifications GROUP BY 1, 2"
# Only what a change has fired: what a check has found is told of a minute later.
_AGES: Final = """
SELECT extract(epoch FROM max(sent_at)) AS last,
    percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
        ORDER BY extract(epoch FROM sent_at - CAST(content -> 'fare' ->> 'observed_at' AS timestamptz))
    ) AS ages
FROM notifications WHERE state = 'sent' AND content ->> 'previous_price' IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Ages:
    """Seconds from a fare's observation to its push."""

    p50: float
    p99: float


class Sent(NamedTuple):
    """When the last push had left, in seconds since 1970, and how old the fares were; None: none left."""

    last: float | None
    ages: Ages | None


@dataclass(frozen=True, slots=True)
class Books:
    """Connections to the accounts database and to the shards."""

    accounts: asyncpg.Connection
    shards: Sequence[asyncpg.Connection]

    async def claims(self) -> int:
        """How often alerts have fired."""
        return sum(await self._each(_CLAIMS))

    async def held(self) -> int:
        """How many notifications wait in the database to be decided on again."""
        return int(await self.accounts.fetchval(_HELD))

    async def notifications(self) -> Mapping[tuple[str, str], int]:
        """How many stand in each state, and for which reason."""
        return {(state, reason): count for state, reason, count in await self.accounts.fetch(_BY_STATE)}

    async def sent(self) -> Sent:
        """What is known of those that were sent."""
        row = await self.accounts.fetchrow(_AGES)
        assert row, "an aggregate without groups has a row"
        if row["last"] is None:
            return Sent(None, None)
        return Sent(float(row["last"]), Ages(*(round(age, 2) for age in row["ages"])))

    async def _each(self, statement: str) -> list[Any]:
        return await asyncio.gather(*(shard.fetchval(statement) for shard in self.shards))


@asynccontextmanager
async def open_books(addresses: Addresses) -> AsyncIterator[Books]:
    """The books of a running fleet."""
    async with AsyncExitStack() as closing:

        async def connect(url: str) -> asyncpg.Connection:
            connection = await asyncpg.connect(url)
            closing.push_async_callback(connection.close)
            return connection

        yield Books(await connect(addresses.accounts), [await connect(url) for url in addresses.shards])
