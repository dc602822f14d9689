"""What the gateway has answered for and the broker has not taken yet: a table of accounts.

It is bounded, for a broker that is away for days must not fill the disk of the travellers' database: what finds no room
is refused, as if the database were away. Each process looks now and then how full it is and counts in between what it
puts there itself, so that all together may go beyond the bound by a few seconds' worth.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.ingest_gateway.intake.batches import Batch
from shared import metrics
from shared.breaker import Breaker
from shared.databases import reaching
from shared.errors import UnavailableError
from shared.fare_lanes import Lane
from shared.schema.accounts import spooled_batches

LOOK_EVERY_S: Final = 5.0

_PATIENCE_S: Final = 3.0  # somebody waits for the answer
_SHORTEST_S: Final = 0.5
_LONGEST_S: Final = 5.0

_LOOK: Final = select(
    func.count().label("batches"),
    func.coalesce(func.sum(func.octet_length(spooled_batches.c.body)), 0).label("bytes"),
    func.coalesce(func.extract("epoch", func.now() - func.min(spooled_batches.c.spooled_at)), 0).label("age"),
)
# Nobody waits for his turn: whoever has it goes on for both.
_TURN: Final = text("SELECT pg_try_advisory_xact_lock(hashtext('spooled_batches'), hashtext(:lane))")


class Spool:
    """The table, and whether it takes more.

    Args:
        engine: of the accounts database.
        most_bytes: that may lie there.
    """

    def __init__(self, engine: AsyncEngine, most_bytes: int) -> None:
        self._engine = engine
        self._most_bytes = most_bytes
        self._bytes = 0
        self._reached = False  # nothing is known of a database that was never reached
        self._breaker = Breaker("accounts", failures=1, shortest=_SHORTEST_S, longest=_LONGEST_S)

    @property
    def open(self) -> bool:
        """Whether it takes a batch, as far as is known."""
        return self._reached and self._bytes < self._most_bytes and not self._breaker.refuses

    @property
    def empty(self) -> bool:
        """Whether nothing lies there, as far as is known: what others have kept shows with the next look."""
        return not self._bytes

    async def keep(self, batch: Batch) -> None:
        """Return once the batch is written for good.

        Raises:
            UnavailableError: the database is away, or the spool is full; it may have been written all the same.
        """
        if self._bytes + len(batch.body) > self._most_bytes:
            raise UnavailableError("spool", f"it holds {self._bytes} bytes already, of at most {self._most_bytes}")
        within = asyncio.timeout(_PATIENCE_S)
        async with self._breaker.guard(), reaching("accounts"), within, self._engine.begin() as connection:
            await connection.execute(insert(spooled_batches).values(_row(batch)))
        self._bytes += len(batch.body)
        self._reached = True
        metrics.SPOOLED_BATCHES.inc()  # at once: who waits for the chain to come to rest looks more often than we do

    async def look(self) -> None:
        """See how full it is.

        Raises:
            UnavailableError: the database is away.
        """
        async with self._breaker.guard(), reaching("accounts"), self._engine.connect() as connection:
            seen = (await connection.execute(_LOOK)).one()
        self._bytes = int(seen.bytes)
        self._reached = True
        metrics.SPOOLED_BATCHES.set(seen.batches)
        metrics.SPOOL_USED_RATIO.set(self._bytes / self._most_bytes)
        metrics.SPOOL_AGE_SECONDS.set(float(seen.age))

    @asynccontextmanager
    async def turn(self, lane: Lane) -> AsyncIterator["Turn | None"]:
        """Have a lane's batches to oneself while the block runs; None where another process has them.

        What was forgotten in the block is so for good at its end, unless it ends by an error.

        Raises:
            UnavailableError: the database is away.
        """
        async with reaching("accounts"), self._engine.begin() as connection:
            mine = (await connection.execute(_TURN, {"lane": lane.value})).scalar_one()
            yield Turn(connection, lane) if mine else None


class Turn:
    """A lane's batches, in the hands of one process."""

    def __init__(self, connection: AsyncConnection, lane: Lane) -> None:
        self._connection = connection
        self._lane = lane

    async def oldest(self, count: int) -> dict[int, Batch]:
        """The first batches in the order in which they were kept, by their ids."""
        table = spooled_batches
        wanted = select(table).where(table.c.lane == self._lane.value).order_by(table.c.id).limit(count)
        rows = await self._connection.execute(wanted)
        return {row.id: Batch(Lane(row.lane), row.cycle, row.fares, bytes(row.body)) for row in rows}

    async def forget(self, ids: Sequence[int]) -> None:
        """These lie elsewhere now."""
        await self._connection.execute(delete(spooled_batches).where(spooled_batches.c.id.in_(ids)))


def _row(batch: Batch) -> dict[str, object]:
    return {"lane": batch.lane.value, "cycle": batch.cycle, "fares": batch.fares, "body": batch.body}
