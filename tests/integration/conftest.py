"""What several integration tests stand on: the topology, empty queues, empty boards, migrated and empty shards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage
from redis.asyncio import Redis
from sqlalchemy import delete, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.migrations import migrate
from shared.broker.broker import Broker
from shared.databases import open_engine
from shared.fare_boards.store import BoardStore
from shared.management import open_management
from shared.rates.in_redis import RatesInRedis
from shared.schema.shards import rates, shard_state
from shared.shard_map import ShardMap
from shared.topology import WORK_QUEUES
from tests.development_rates import RATES
from tests.private_servers import Servers

SHARDS = ("shard0", "shard1", "shard2", "shard3")


class Probe:
    """Looks into queues and publishes past our own broker module."""

    def __init__(self, channel: aio_pika.abc.AbstractChannel) -> None:
        self.channel = channel

    async def next(self, queue: str, seconds: float = 15) -> AbstractIncomingMessage:
        """The queue's next message, acknowledged; waits for it, and takes no further one in hand."""
        source = await self.channel.get_queue(queue)
        async with asyncio.timeout(seconds):
            # A consumer would be told, but would take further messages in hand.
            while not (message := await source.get(fail=False, no_ack=True)):  # noqa: ASYNC110  # as said above
                await asyncio.sleep(0.02)
        return message

    async def all(self, queue: str) -> list[AbstractIncomingMessage]:
        """Every message that is in the queue now, acknowledged."""
        source = await self.channel.get_queue(queue)
        messages = []
        while message := await source.get(fail=False, no_ack=True):
            messages.append(message)
        return messages

    async def purge(self) -> None:
        """Empty all queues of the topology."""
        for name in (name for queue in WORK_QUEUES for name in queue.all_names):
            queue = await self.channel.declare_queue(name, passive=True)
            if queue.declaration_result.message_count:  # emptying an empty one costs as much as ten looks
                await queue.purge()


@asynccontextmanager
async def probing(amqp_url: str) -> AsyncIterator[Probe]:
    async with await aio_pika.connect(amqp_url) as connection:
        yield Probe(await connection.channel())


@pytest.fixture(scope="session")
def topology(servers: Servers) -> Servers:
    """The run's servers, with every queue and exchange."""

    async def apply() -> None:
        async with open_management(servers.rabbitmq.management_url) as management:
            await management.apply_topology()

    asyncio.run(apply())
    return servers


@pytest.fixture
async def probe(topology: Servers) -> AsyncIterator[Probe]:
    """A probe of the run's broker; all queues are empty."""
    async with probing(topology.rabbitmq.amqp_url) as probe:
        await probe.purge()
        yield probe


@pytest.fixture
async def broker(topology: Servers, probe: Probe) -> AsyncIterator[Broker]:
    """Our broker module on the run's RabbitMQ; all queues are empty."""
    assert probe
    broker = await Broker.connect(topology.rabbitmq.amqp_url, "tests")
    yield broker
    await broker.close()


@pytest.fixture
async def redis(servers: Servers) -> AsyncIterator[Redis]:
    """The run's Redis, emptied."""
    async with Redis.from_url(servers.redis.url) as client:
        await client.flushall()
        yield client


@pytest.fixture
async def boards(servers: Servers, redis: Redis) -> AsyncIterator[BoardStore]:
    """The board store on the emptied Redis."""
    assert redis
    store = BoardStore(servers.redis.url)
    yield store
    await store.close()


@pytest.fixture
async def rates_in_redis(servers: Servers, redis: Redis) -> AsyncIterator[RatesInRedis]:
    """The rates that price workers look at, on the emptied Redis: none yet."""
    assert redis
    store = RatesInRedis(servers.redis.url)
    yield store
    await store.close()


@pytest.fixture(scope="session")
def shard_urls(servers: Servers) -> list[str]:
    """The run's shards, migrated."""
    urls = [servers.postgres.url(name) for name in SHARDS]
    today = datetime.now(UTC).date()
    asyncio.run(migrate(servers.postgres.url("accounts"), urls, lambda _: None, today=today, rates=RATES))
    return urls


@pytest.fixture
async def accounts(servers: Servers, shard_urls: list[str]) -> AsyncIterator[AsyncEngine]:
    """The run's accounts database, with an empty spool."""
    assert shard_urls, "migrated with accounts"
    engine = open_engine(servers.postgres.url("accounts"), application="tests", pool_size=6)
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE spooled_batches"))
    yield engine
    await engine.dispose()


@pytest.fixture
async def shard_engines(shard_urls: list[str]) -> AsyncIterator[list[AsyncEngine]]:
    """An engine for each shard, without alerts, under the first map and rates."""
    engines = [open_engine(url, application="tests", pool_size=4) for url in shard_urls]
    first_map = ShardMap.even(len(engines))
    first_state = {
        "map_version": first_map.version,
        "shards": list(first_map.shards),
        "rates_date": RATES.date,
        "reach": 1,
    }
    for engine in engines:
        async with engine.begin() as connection:
            await connection.execute(text("TRUNCATE alerts, arriving_alerts, departed_alerts, bucket_transit"))
            await connection.execute(update(shard_state).values(first_state))
            await connection.execute(delete(rates).where(rates.c.date != RATES.date))
    yield engines
    for engine in engines:
        await engine.dispose()
