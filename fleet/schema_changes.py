"""A change of a database's tables: one at a time in the whole fleet, whole or not at all, and none that waits long.

The advisory lock is of the transaction: it ends with it, whatever becomes of this process.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.databases import open_engine, reaching, sqlstate
from shared.errors import FarelarkError

# How long to wait for another change of the same database.
TURN_TIMEOUT = "5min"
# The advisory lock's number; any would do that nothing else in the database uses.
TURN = 0x6661_7265_6C61_726B

_LOCK_NOT_AVAILABLE = "55P03"


class TableLockedError(FarelarkError):
    """Something holds a lock that the change needs; nothing was changed.

    Args:
        database: which one, such as `accounts` or `shard2`.
    """

    def __init__(self, database: str) -> None:
        super().__init__(
            f"{database}: a table, or the lock of schema changes, stayed locked by another session (see pg_locks); "
            "nothing was changed there, run the command again"
        )


@asynccontextmanager
async def changing_schema(database: str, url: str, lock_timeout: str) -> AsyncIterator[AsyncConnection]:
    """A transaction that may change tables, committed at the end of the block.

    Args:
        database: the name that errors give.
        url: straight to the server, not to a PgBouncer.
        lock_timeout: how long it may wait for a table, and make everyone else wait behind it, in PostgreSQL's words.

    Raises:
        UnavailableError: the server cannot be reached.
        TableLockedError: somebody holds a lock for longer than a change may wait.
    """
    engine = open_engine(url, application="farelark-migrations", pool_size=1, command_timeout=None)
    try:
        async with reaching(database), engine.begin() as connection:
            await _take_turn(connection)
            await connection.execute(text(f"SET LOCAL lock_timeout = '{lock_timeout}'"))
            yield connection
    except DBAPIError as error:
        if sqlstate(error) == _LOCK_NOT_AVAILABLE:
            raise TableLockedError(database) from error
        raise
    finally:
        await engine.dispose()


async def _take_turn(connection: AsyncConnection) -> None:
    await connection.execute(text(f"SET LOCAL lock_timeout = '{TURN_TIMEOUT}'"))
    await connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
