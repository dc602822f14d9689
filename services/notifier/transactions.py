"""Transactions on the accounts database in which the notifier also does something else, such as sending."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.databases import reaching


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Commit at the end of the block; an error, which need not be one of the database, rolls back.

    Raises:
        UnavailableError: the database is away.
    """
    connection = await _connect(engine)
    try:
        yield connection
        await _commit(connection)
    finally:
        await connection.close()


@reaching("accounts")
async def _connect(engine: AsyncEngine) -> AsyncConnection:
    return await engine.connect()


@reaching("accounts")
async def _commit(connection: AsyncConnection) -> None:
    await connection.commit()
