"""One at a time: whoever changes what all shards must agree on, the map or the rates, takes this turn first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from fleet.shards.connections import connect
from shared.databases import reaching
from shared.errors import FarelarkError
from shared.shards import Shards

# The advisory lock's number, on the first shard; any would do that nothing else in the database uses.
TURN: Final = 0x6661_7265_6C61_726D
_FIRST: Final = Shards.name(0)


class TurnTakenError(FarelarkError):
    """Somebody else has the turn."""

    def __init__(self) -> None:
        super().__init__(
            "a move of a bucket, a check, a load of rates or the entry of a new shard is under way: "
            "try again when it is over"
        )


@asynccontextmanager
async def turn(first_shard: str, *, patience: str = "1s") -> AsyncIterator[None]:
    """Have the turn while the block runs; it ends with the session, whatever becomes of this process.

    Args:
        first_shard: the address of shard 0; not of a PgBouncer.
        patience: how long to wait for it, in PostgreSQL's words.

    Raises:
        TurnTakenError: it was not to be had in time.
        UnavailableError: the shard cannot be reached.
    """
    session = await connect(_FIRST, first_shard)
    try:
        await _take(session, patience)
        yield
    finally:
        await session.close()


async def _take(session: asyncpg.Connection, patience: str) -> None:
    try:
        async with reaching(_FIRST):
            await session.execute(f"SET lock_timeout = '{patience}'")
            await session.execute(f"SELECT pg_advisory_lock({TURN})")
    except asyncpg.LockNotAvailableError as error:
        raise TurnTakenError from error
