"""Which errors of a real database mean that it is away."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import databases
from shared.databases import open_engine, reaching
from shared.errors import UnavailableError
from tests.integration.fresh_databases import create_databases
from tests.integration.silent_server import silent_server
from tests.private_servers import Servers


@pytest.fixture
async def url(servers: Servers) -> str:
    (url,) = await create_databases(servers.postgres, 1)
    return url


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(url, application="tests", pool_size=1, command_timeout=1)
    yield engine
    await engine.dispose()


@reaching("accounts")
async def run(engine: AsyncEngine, statement: str) -> object:
    async with engine.begin() as connection:
        result = await connection.execute(text(statement))
        return result.scalar() if result.returns_rows else None


async def test_connections_bear_their_name(engine: AsyncEngine) -> None:
    assert await run(engine, "SELECT current_setting('application_name')") == "tests"


async def test_a_server_that_refuses_is_away() -> None:
    engine = open_engine("postgresql://x:hunter2@127.0.0.1:1/none", application="tests", pool_size=1)
    with pytest.raises(UnavailableError, match=r"^accounts is unavailable: ConnectionRefusedError$"):
        await run(engine, "SELECT 1")


async def test_a_server_that_never_answers_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "CONNECT_TIMEOUT_S", 0.2)
    with silent_server() as server:
        engine = open_engine(server.url, application="tests", pool_size=1)
        with pytest.raises(UnavailableError, match="TimeoutError"):
            await run(engine, "SELECT 1")


async def test_a_connection_cut_off_is_away_and_the_next_use_connects_again(engine: AsyncEngine) -> None:
    with pytest.raises(UnavailableError):
        await run(engine, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert await run(engine, "SELECT 1") == 1


async def test_a_connection_cut_off_while_idle_goes_unnoticed(engine: AsyncEngine, url: str) -> None:
    async with engine.connect() as connection:
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar()
        driver: Any = (await connection.get_raw_connection()).driver_connection
    other = open_engine(url, application="tests", pool_size=1)
    await run(other, f"SELECT pg_terminate_backend({pid})")
    await other.dispose()
    while not driver.is_closed():  # noqa: ASYNC110  # the word of it is on its way
        await asyncio.sleep(0.01)
    assert await run(engine, "SELECT pg_backend_pid()") != pid


async def test_a_statement_that_waits_too_long_is_away(engine: AsyncEngine) -> None:
    with pytest.raises(UnavailableError, match="TimeoutError"):
        await run(engine, "SELECT pg_sleep(30)")
    assert await run(engine, "SELECT 1") == 1


async def test_a_pool_with_nothing_to_give_is_away(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "POOL_TIMEOUT_S", 0.2)
    engine = open_engine(url, application="tests", pool_size=1)
    async with engine.connect():
        with pytest.raises(UnavailableError):
            await run(engine, "SELECT 1")
    await engine.dispose()


@pytest.mark.parametrize(
    "code",
    ["53300", "53100", "57P01", "57P03", "25006"],
    ids=["connections", "disk", "shutdown", "starting", "standby"],
)
async def test_a_server_that_serves_nobody_now_is_away(engine: AsyncEngine, code: str) -> None:
    with pytest.raises(UnavailableError, match=code):
        await run(engine, f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$")


async def test_an_error_in_what_was_asked_is_no_absence(engine: AsyncEngine) -> None:
    await run(engine, "CREATE TABLE t (id integer PRIMARY KEY)")
    await run(engine, "INSERT INTO t VALUES (1)")
    with pytest.raises(IntegrityError):
        await run(engine, "INSERT INTO t VALUES (1)")
