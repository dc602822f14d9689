"""Engines for our PostgreSQL databases, and which of their errors mean that a database is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import asyncpg
from sqlalchemy import AsyncAdaptedQueuePool, event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.errors import UnavailableError
from shared.pools import show_pool

CONNECT_TIMEOUT_S = 3.0
COMMAND_TIMEOUT_S = 10.0
POOL_TIMEOUT_S = 3.0

# SQLSTATE classes and codes of a server that cannot serve anyone now. 08: connection lost; 53: out of disk,
# memory or connections; 57P0x: shutting down, crashed, starting up, database dropped or idle session ended;
# 25006: it has become a read-only standby.
_AWAY = ("08", "53", "57P0", "25006")

# Behind PgBouncer the next statement may run on another server connection: nothing is cached, and no two clients may
# choose the same name for a prepared statement.
_NOT_PREPARED: Final = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: f"farelark_{uuid4().hex}",
}


def open_engine(
    url: str,
    *,
    application: str,
    pool_size: int,
    name: str | None = None,
    command_timeout: float | None = COMMAND_TIMEOUT_S,
    prepared: bool = False,
) -> AsyncEngine:
    """Make the engine of one database; it connects at first use.

    Args:
        url: `postgresql://user:password@host:port/db`, of the server or of a PgBouncer in transaction mode.
        application: the name under which the server's administrator sees these connections.
        pool_size: the most connections that this process opens.
        name: of the database in metrics; without one its connections are not shown there.
        command_timeout: seconds after which a statement fails; None waits for ever.
        prepared: let connections keep the statements that they have prepared: only straight to a server.
    """
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        hide_parameters=True,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": command_timeout,
            "server_settings": {"application_name": application},
            **({} if prepared else _NOT_PREPARED),
        },
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    if name:
        # Of the engine, since `dispose` gives it another pool.
        show_pool(name, engine.sync_engine, in_use=_checked_out, limit=lambda _: pool_size)
    return engine


def _checked_out(engine: Engine) -> int:
    assert isinstance(engine.pool, AsyncAdaptedQueuePool)
    return engine.pool.checkedout()


def _refuse_closed(connection: Any, *_: object) -> None:  # noqa: ANN401  # an adapter that SQLAlchemy does not export
    """Have the pool connect anew after a restart of the server: asyncpg knows of it without asking.

    SQLAlchemy's own `pool_pre_ping` would take four round trips for every use.
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


@asynccontextmanager
async def reaching(server: str) -> AsyncIterator[None]:
    """Turn the errors of a database that is away into `UnavailableError`; also a decorator of coroutines.

    Args:
        server: the name that the error gives, such as `accounts` or `shard2`.
    """
    try:
        yield
    except (OSError, TimeoutError, PoolTimeoutError) as error:
        raise UnavailableError(server, type(error).__name__) from error
    except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if not _is_away(error):
            raise
        raise UnavailableError(server, sqlstate(error)) from error


def sqlstate(error: Exception) -> str:
    """The SQLSTATE of an error from SQLAlchemy or, as when connecting, straight from asyncpg."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return getattr(origin, "sqlstate", None) or ""


def _is_away(error: Exception) -> bool:
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or sqlstate(error).startswith(_AWAY)
