"""A bucket's price history in another shard, brought closer to the original round by round and without a lock.

The copy lies among the target's own rows. As long as the map does not say so nobody reads or writes it there, and
whatever a round finds it overwrites: so a round may be cut short and repeated, or the whole move begun again. With the
rows go the names of what is counted in them, so that a message which comes again is not counted again.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from fleet.partitions import ATTACHED_MONTHS, make_months
from fleet.schema_changes import changing_schema
from fleet.shards.connections import Shard
from shared.counted_changes import names_in
from shared.shard_map import bucket_of

# Rows in one statement: a megabyte or two.
BATCH: Final = 5_000
_LOCK_TIMEOUT: Final = "1s"

# From one route to the next in the key's index: there are a thousand rows and more of each.
_ROUTES: Final = """
    WITH RECURSIVE each AS (
        SELECT min(route) AS route FROM price_history
        UNION ALL
        SELECT (SELECT min(route) FROM price_history WHERE route > each.route) FROM each WHERE route IS NOT NULL
    )
    SELECT route FROM each WHERE route IS NOT NULL
"""
# Whatever a transaction writes that has not ended by now, its number is not below this.
_OLDEST_OPEN: Final = "SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS xid)::text"
_WRITTEN_SINCE: Final = "($1::text IS NULL OR age(xmin) <= age($1::text::xid))"
_ROWS: Final = f"""
    SELECT to_jsonb(price_history)::text AS content FROM price_history WHERE {_WRITTEN_SINCE} AND route = ANY ($2)
"""  # noqa: S608  # of constants
_NAMES: Final = f"""
    SELECT id, counted_at FROM counted_messages WHERE {_WRITTEN_SINCE} AND id BETWEEN $2 AND $3
"""  # noqa: S608  # of constants
_WRITE_ROWS: Final = """
    INSERT INTO price_history SELECT * FROM jsonb_populate_recordset(NULL::price_history, $1::jsonb)
    ON CONFLICT (route, departure_date, return_date, cabin, currency, observed_on) DO UPDATE SET
        low = excluded.low, high = excluded.high, last = excluded.last, low_reference = excluded.low_reference,
        last_reference = excluded.last_reference, last_observed_at = excluded.last_observed_at,
        changes = excluded.changes
"""
_WRITE_NAMES: Final = """
    INSERT INTO counted_messages (id, counted_at)
    SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) ON CONFLICT DO NOTHING
"""
_DROP: Final = "DELETE FROM price_history WHERE route = $1"


@dataclass
class HistoryCopy:
    """The copy of one bucket's history in another shard."""

    bucket: int
    source: Shard
    target: Shard
    _since: str | None = field(default=None, init=False)  # a transaction's number: what is older is copied

    async def make_room(self, target_url: str) -> None:
        """Give the target every month that the source has: where it is new, those of the past are missing.

        Raises:
            UnavailableError: a shard went away.
            TableLockedError: somebody at the target holds a lock for long; nothing was changed.
        """
        async with self.source.reached() as connection:
            months = [row["relname"] for row in await connection.fetch(ATTACHED_MONTHS)]
        async with changing_schema(self.target.name, target_url, _LOCK_TIMEOUT) as connection:
            await make_months(connection, months)

    async def catch_up(self, copied: Callable[[int], None]) -> int:
        """Copy what was written since the last round; returns how many rows that were.

        Args:
            copied: is told, after each batch, how many rows are copied.

        Raises:
            UnavailableError: a shard went away.
        """
        async with self.source.reached() as connection:
            oldest_open = await connection.fetchval(_OLDEST_OPEN)
        await self._copy_names()
        done = 0
        async with aclosing(self._rows()) as batches:
            async for rows in batches:
                async with self.target.reached() as connection:
                    await connection.execute(_WRITE_ROWS, f"[{','.join(rows)}]")
                done += len(rows)
                copied(done)
        self._since = oldest_open  # not before: what a round that is cut short has left, the next copies
        return done

    async def _rows(self) -> AsyncGenerator[list[str], None]:
        """The rows that were written since the last round, as JSON, so many at a time."""
        routes = await _routes_of(self.source, self.bucket)
        async with self.source.reached() as connection, connection.transaction():
            cursor = await connection.cursor(_ROWS, self._since, routes)
            while records := await cursor.fetch(BATCH):
                yield [record["content"] for record in records]

    async def _copy_names(self) -> None:
        async with self.source.reached() as connection:
            rows = await connection.fetch(_NAMES, self._since, *names_in(self.bucket))
        async with self.target.reached() as connection:
            ids, instants = [row["id"] for row in rows], [row["counted_at"] for row in rows]
            await connection.execute(_WRITE_NAMES, ids, instants)


async def routes_with_history(shard: Shard) -> list[str]:
    """Every route of which a shard has a history, whether it holds it or not."""
    async with shard.reached() as connection:
        return [row["route"] for row in await connection.fetch(_ROUTES)]


async def drop_history(shard: Shard, bucket: int) -> int:
    """Delete a bucket's history where it is in no use, a route at a time; returns how many rows there were."""
    dropped = 0
    for route in await _routes_of(shard, bucket):
        async with shard.reached() as connection:
            status = await connection.execute(_DROP, route)
        dropped += int(status.removeprefix("DELETE "))
    return dropped


async def _routes_of(shard: Shard, bucket: int) -> list[str]:
    return [route for route in await routes_with_history(shard) if bucket_of(route) == bucket]
