"""Empty databases of a test's own on the run's server."""

from uuid import uuid4

from sqlalchemy import text

from fleet.servers.postgres import Postgres
from shared.databases import open_engine


async def create_databases(postgres: Postgres, count: int) -> list[str]:
    """Create databases that nobody else uses and give their addresses; they go when the server goes."""
    names = [f"test_{uuid4().hex}" for _ in range(count)]
    engine = open_engine(postgres.url("postgres"), application="tests", pool_size=1)
    try:
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            for name in names:
                await connection.execute(text(f"CREATE DATABASE {name}"))
    finally:
        await engine.dispose()
    return [postgres.url(name) for name in names]
