"""Queues of a real broker that are made so small that they are full."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.broker.publisher import HeldUpError
from shared.management import open_management
from shared.topology import policies
from tests.private_servers import Servers

JUNK = b"junk"


@asynccontextmanager
async def small(servers: Servers, queue: str, messages: int) -> AsyncIterator[None]:
    """Let a queue keep so few messages while the block runs."""
    (policy,) = (policy for policy in policies() if policy.name == queue)
    body = {"pattern": policy.pattern, "definition": policy.definition | {"max-length": messages}}
    async with aiohttp.ClientSession(servers.rabbitmq.management_url) as session:
        (await session.put(f"/api/policies/%2f/{queue}", json=body)).raise_for_status()
    try:
        yield
    finally:
        async with open_management(servers.rabbitmq.management_url) as management:
            await management.apply_topology()


async def fill(broker: Broker, queue: str) -> int:
    """Fill a small queue with junk until the broker refuses more; gives how many it took: it counts a little late."""
    junk = 0
    while True:
        try:
            await broker.publish(Outgoing(queue, JUNK, "text/plain"))
        except HeldUpError:
            return junk
        junk += 1
