"""The moment in which a bucket changes hands, in one transaction on each of the two shards.

The source gives its rows away into its own `bucket_transit`; the target makes alerts of the copy that lies in its
own. The target has done all its work, and both have been compared, before the source commits: that commit is the
point of no return, and all that can be cut short after it is the target's. Until that commits too, both refuse the
bucket; the copy is safe, and the target's part can be done again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, TypeVar, cast

import asyncpg

from fleet.shards.connections import Shard
from shared.errors import FarelarkError
from shared.shard_map import ShardMap, bucket_of

# While we wait for the transactions that are open, those that come wait with us.
LOCK_TIMEOUT = "3s"
# If this process stops answering, as when its machine is gone, the source must not stay locked.
SILENCE = "15s"

_GIVE: Final = """
    WITH given AS (DELETE FROM alerts WHERE route = ANY ($2) RETURNING *)
    INSERT INTO bucket_transit (id, bucket, content) SELECT id, $1, to_jsonb(given) FROM given
"""
_TAKE: Final = """
    INSERT INTO alerts SELECT alert.*
    FROM bucket_transit CROSS JOIN LATERAL jsonb_populate_record(NULL::alerts, content) AS alert
    WHERE bucket = $1
"""
_TAKEN_AWAY: Final = "DELETE FROM bucket_transit WHERE bucket = $1"
_SET_MAP: Final = "UPDATE shard_state SET map_version = $1, shards = $2 WHERE map_version = $1 - 1"
# The alerts that come may have been lifted by rates as far as those of the source.
_LIFT_REACH: Final = "UPDATE shard_state SET reach = greatest(reach, $1)"
_ARRIVING: Final = "SELECT content ->> 'route' AS route FROM arriving_alerts"

# How many alerts there are, and a checksum of their contents that no order changes.
_GIVEN: Final = """
    SELECT count(*), sum(hashtextextended(content::text, 0)) FROM bucket_transit WHERE bucket = $1
"""
_TAKEN: Final = """
    SELECT count(*), sum(hashtextextended(to_jsonb(alerts)::text, 0))
    FROM alerts WHERE id IN (SELECT id FROM bucket_transit WHERE bucket = $1)
"""

Commit = Callable[[], Awaitable[None]]
T = TypeVar("T")


class MoveRefusedError(FarelarkError):
    """A bucket cannot be moved now; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Handover:
    """What changes hands: a bucket, and the map that says so; `reach` is the source's."""

    bucket: int
    source: Shard
    target: Shard
    new_map: ShardMap
    reach: float


@asynccontextmanager
async def locked(shard: Shard) -> AsyncIterator[Commit]:
    """A transaction beside which no other works on the shard's alerts; it is rolled back unless the block commits it.

    Raises:
        asyncpg.LockNotAvailableError: others kept theirs open for too long.
        UnavailableError: the shard went away.
    """
    async with shard.reached() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{SILENCE}'")
            await connection.execute("LOCK TABLE shard_state IN ACCESS EXCLUSIVE MODE")
            yield transaction.commit
        finally:
            if connection.is_in_transaction():
                with suppress(asyncpg.InterfaceError, OSError):  # the server has rolled it back by hanging up
                    await transaction.rollback()


async def refuse_arriving(shard: Shard, bucket: int) -> None:
    """Refuse to move a bucket into which edits are moving alerts: they would arrive where it no longer is.

    Raises:
        MoveRefusedError: there are some.
    """
    async with shard.reached() as connection:
        rows = await connection.fetch(_ARRIVING)
    if count := sum(bucket_of(row["route"]) == bucket for row in rows):
        raise MoveRefusedError(
            f"{count} alerts that were given another route are just arriving in bucket {bucket} on {shard.name}: "
            "try again in a minute"
        )


@asynccontextmanager
async def taking(handover: Handover) -> AsyncIterator[None]:
    """The target's transaction, committed at the end of the block."""
    async with handover.target.reached() as connection, connection.transaction():
        yield
        await connection.execute(_TAKEN_AWAY, handover.bucket)


async def give(handover: Handover, routes: list[str]) -> None:
    """Take the alerts of these routes out of use at the source, and have it go by the new map."""
    async with handover.source.reached() as connection:
        await connection.execute(_GIVE, handover.bucket, routes)
    await set_map(handover.source, handover.new_map)


async def take(handover: Handover) -> None:
    """Put the copy at the target to use, and have it go by the new map."""
    async with handover.target.reached() as connection:
        await connection.execute(_TAKE, handover.bucket)
        await connection.execute(_LIFT_REACH, handover.reach)
    await set_map(handover.target, handover.new_map)


async def compare(handover: Handover) -> None:
    """Compare what was given with what was taken.

    Raises:
        MoveRefusedError: they are not the same.
    """
    given, taken = await both(_sum(handover.source, _GIVEN, handover), _sum(handover.target, _TAKEN, handover))
    if given != taken:
        raise MoveRefusedError(
            f"{handover.target.name} would hold {taken[0]:,} alerts of bucket {handover.bucket} where "
            f"{handover.source.name} holds {given[0]:,}, or others: see that both are migrated, then run "
            "`./farelark shards check`"
        )


async def both(at_source: Awaitable[T], at_target: Awaitable[T]) -> tuple[T, T]:
    """Have the two servers work at the same time, and raise no error before both have ended."""
    outcomes = await asyncio.gather(at_source, at_target, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return cast("tuple[T, T]", tuple(outcomes))


async def _sum(shard: Shard, statement: str, handover: Handover) -> tuple[int, int | None]:
    async with shard.reached() as connection:
        ((count, checksum),) = await connection.fetch(statement, handover.bucket)
    return count, checksum


async def kept(shard: Shard, bucket: int) -> int:
    """How many alerts of a bucket a shard keeps that it has given away."""
    async with shard.reached() as connection:
        ((count, _),) = await connection.fetch(_GIVEN, bucket)
    return count


async def clear(shards: Sequence[Shard]) -> int:
    """Forget what is in transit: with one map everywhere all of it is in use where it belongs; returns how much."""
    return sum([await _clear(shard) for shard in shards])


async def _clear(shard: Shard) -> int:
    async with shard.reached() as connection:
        count = await connection.fetchval("SELECT count(*) FROM bucket_transit")
        if count:
            await connection.execute("TRUNCATE bucket_transit")
    return count


async def set_map(shard: Shard, new_map: ShardMap) -> None:
    """Have a shard go by the new map.

    Raises:
        MoveRefusedError: it does not go by the one before.
    """
    async with shard.reached() as connection:
        if await connection.execute(_SET_MAP, new_map.version, new_map.shards) != "UPDATE 1":
            raise MoveRefusedError(f"somebody else has changed the map of {shard.name}: run `./farelark shards check`")
