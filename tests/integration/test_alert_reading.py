"""Reading with one statement, when its server hangs up."""

from typing import Any

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.alerts.reading import read
from shared.errors import UnavailableError
from shared.shards import Shards


@pytest.fixture
def shards(shard_engines: list[AsyncEngine]) -> Shards:
    return Shards(shard_engines)


async def one(shards: Shards) -> int:
    ((number,),) = await read(shards, 0, "SELECT $1::int", 1)
    return int(number)


async def test_a_server_that_hangs_up_while_it_answers_is_away_and_then_back(shards: Shards) -> None:
    with pytest.raises(UnavailableError, match="shard0"):
        await read(shards, 0, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert await one(shards) == 1


async def test_a_server_that_hangs_up_before_it_is_asked_is_away_and_then_back(shards: Shards) -> None:
    def hang_up(connection: Any, *_: object) -> None:  # noqa: ANN401  # an adapter that SQLAlchemy does not export
        connection.driver_connection.terminate()

    engine = shards.engines[0].sync_engine
    event.listen(engine, "checkout", hang_up)
    with pytest.raises(UnavailableError, match="shard0 is unavailable: the connection was lost"):
        await one(shards)
    event.remove(engine, "checkout", hang_up)
    assert await one(shards) == 1


async def test_a_mistake_of_ours_is_none_of_the_server(shards: Shards) -> None:
    with pytest.raises(asyncpg.InterfaceError, match="expects 1 argument"):
        await read(shards, 0, "SELECT $1::int")
