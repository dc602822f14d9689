"""Metrics say how full the pools of connections are, and keep no pool alive."""

import gc
from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from shared.databases import open_engine
from shared.redis_connections import open_server
from shared.shards import Shards
from tests.private_servers import Servers


def connections(pool: str) -> tuple[float | None, float | None]:
    """Of a pool: how many are in use, and the limit."""
    in_use, limit = (
        REGISTRY.get_sample_value("farelark_pool_connections", {"pool": pool, "state": state})
        for state in ("in_use", "limit")
    )
    return in_use, limit


@pytest.fixture(autouse=True)
async def only_ours() -> AsyncIterator[None]:
    """Pools that other tests have left are gone."""
    gc.collect()
    yield
    gc.collect()


async def test_connections_of_a_database_are_counted_while_they_are_lent_out(servers: Servers) -> None:
    engine = open_engine(servers.postgres.url("accounts"), name="one", application="tests", pool_size=3)
    assert connections("one") == (0, 3)
    async with engine.connect(), engine.connect():
        assert connections("one") == (2, 3)
    assert connections("one") == (0, 3)
    await engine.dispose()
    async with engine.connect():
        assert connections("one") == (1, 3), "a pool that was disposed of is still looked at"
    await engine.dispose()


async def test_engines_of_one_name_are_one_pool_and_those_that_are_gone_do_not_count(servers: Servers) -> None:
    url = servers.postgres.url("accounts")
    engines = [open_engine(url, name="twins", application="tests", pool_size=size) for size in (3, 4)]
    assert connections("twins") == (0, 7)
    for engine in engines:
        await engine.dispose()
    del engine, engines
    gc.collect()
    assert connections("twins") == (0, 0)


async def test_an_engine_without_a_name_is_not_shown(servers: Servers) -> None:
    engine = open_engine(servers.postgres.url("accounts"), application="tests", pool_size=1)
    shown = {
        sample.labels["pool"] for family in REGISTRY.collect() for sample in family.samples if "pool" in sample.labels
    }
    assert "" not in shown
    assert "None" not in shown
    await engine.dispose()


async def test_each_shard_has_a_pool_of_its_own(servers: Servers) -> None:
    urls = [servers.postgres.url(name) for name in ("shard0", "shard1")]
    shards = Shards.at(urls, application="tests", pool_size=2)
    idle = connections("shard0")
    async with shards.engines[1].connect():
        assert connections("shard0") == idle
        assert connections("shard1")[0] == 1
    await shards.close()


async def test_connections_to_redis_are_counted_while_a_call_is_under_way(servers: Servers) -> None:
    before, limit_before = connections("redis")
    client: Redis = open_server(servers.redis.url)
    in_use, limit = connections("redis")
    assert (in_use, (limit or 0) - (limit_before or 0)) == (before or 0, 16)
    async with client.pipeline() as pipeline:
        await pipeline.watch("a key")  # holds its connection
        assert connections("redis")[0] == (before or 0) + 1
    assert connections("redis")[0] == (before or 0)
    await client.aclose()
