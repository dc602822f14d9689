"""Acknowledged and closed at once: of many messages none comes back from a real RabbitMQ."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.deliveries import Delivery
from shared.management import Depth, Management, open_management
from shared.topology import FARES_INGEST, WorkQueue
from tests.private_servers import Servers

MANY = 100  # three times as many as the broker passes on at once
ROUNDS = 5  # one alone would lose acknowledgements in two of five runs
QUEUE = WorkQueue(FARES_INGEST.name, prefetch=MANY)


@pytest.fixture
async def management(topology: Servers) -> AsyncIterator[Management]:
    async with open_management(topology.rabbitmq.management_url) as management:
        yield management


async def fill(broker: Broker) -> None:
    await broker.publish_all([Outgoing(QUEUE.name, b"fares", "text/plain") for _ in range(MANY)])


async def until(management: Management, depth: Depth) -> None:
    """Wait until the queue is as full as this; what came back would lie there for good."""
    async with asyncio.timeout(15):
        while (await management.depths())[QUEUE.name] != depth:  # noqa: ASYNC110  # the broker tells nobody
            await asyncio.sleep(0.02)


async def test_what_a_consumer_acknowledged_before_it_ended_does_not_come_again(
    broker: Broker, management: Management
) -> None:
    for _ in range(ROUNDS):
        arrived = asyncio.Queue[Delivery]()
        subscription = await broker.consume(QUEUE, arrived.put)
        await fill(broker)
        await until(management, Depth(ready=0, in_hand=MANY))
        for _ in range(MANY):
            await (await arrived.get()).acknowledger.ack()
        await broker.end(subscription)
        await until(management, Depth(ready=0, in_hand=0))


async def test_what_was_taken_out_before_a_look_ended_does_not_come_back(
    broker: Broker, management: Management
) -> None:
    for _ in range(ROUNDS):
        await fill(broker)
        await until(management, Depth(ready=MANY, in_hand=0))
        async with broker.browsing() as browser, browser.look_through(QUEUE.name) as look:
            seen = [one async for one in look.messages()]
            await until(management, Depth(ready=0, in_hand=MANY))
            for one in seen:
                await look.take_out(one)
        await until(management, Depth(ready=0, in_hand=0))
