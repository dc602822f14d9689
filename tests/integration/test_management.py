"""The topology as RabbitMQ has it after it was applied: queues, policies, bindings, and retries that come back."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.errors import UnavailableError
from shared.management import Applied, open_management
from shared.topology import (
    CHANGES,
    CHANGES_ALERTS,
    FARES_INGEST,
    NOTIFICATIONS,
    NOTIFICATIONS_DIGEST,
    NOTIFICATIONS_STANDARD,
    NOTIFICATIONS_URGENT,
    WORK_QUEUES,
    WorkQueue,
    policies,
)
from tests.integration.conftest import Probe
from tests.private_servers import Servers


async def test_every_queue_is_a_durable_quorum_queue_under_a_policy_of_its_own(topology: Servers) -> None:
    names = {name for queue in WORK_QUEUES for name in queue.all_names}
    definitions = {policy.name: policy.definition for policy in policies()}
    queues = {name: queue for name, queue in (await queues_under(topology, definitions)).items() if name in names}
    assert {(queue["type"], queue["durable"]) for queue in queues.values()} == {("quorum", True)}
    assert {name: queue.get("effective_policy_definition") for name, queue in queues.items()} == definitions
    assert {name: queue["policy"] for name, queue in queues.items()} == {name: name for name in names}


async def queues_under(servers: Servers, definitions: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every queue as the broker lists it, once it lists these policies: of a new one its list learns a little later.

    After 15 s it is the list as it is by then.
    """
    deadline = time.monotonic() + 15
    async with aiohttp.ClientSession(servers.rabbitmq.management_url) as session:
        while True:
            queues = {queue["name"]: queue for queue in await (await session.get("/api/queues/%2f")).json()}
            shown = {name: queues[name].get("effective_policy_definition") for name in definitions if name in queues}
            if shown == definitions or time.monotonic() > deadline:
                return queues
            await asyncio.sleep(0.1)


async def test_the_topology_can_be_applied_again_and_then_nothing_was_missing(topology: Servers) -> None:
    async with open_management(topology.rabbitmq.management_url) as management:
        before = set(await management.depths())
        assert await management.apply_topology() == Applied(queues=[], exchanges=[], policies=[])
        assert set(await management.depths()) == before


@pytest.mark.parametrize(
    ("exchange", "routing_key", "queue"),
    [
        ("", FARES_INGEST.name, FARES_INGEST),
        (CHANGES.name, "", CHANGES_ALERTS),
        (NOTIFICATIONS.name, "urgent", NOTIFICATIONS_URGENT),
        (NOTIFICATIONS.name, "standard", NOTIFICATIONS_STANDARD),
        (NOTIFICATIONS.name, "digest", NOTIFICATIONS_DIGEST),
    ],
)
async def test_what_is_published_arrives_in_its_queue(
    broker: Broker, probe: Probe, exchange: str, routing_key: str, queue: WorkQueue
) -> None:
    await broker.publish(Outgoing(routing_key, b"body", "text/plain", exchange))
    assert (await probe.next(queue.name)).body == b"body"


async def test_a_message_in_a_retry_queue_comes_back_to_its_queue(broker: Broker, probe: Probe) -> None:
    """By the policies alone, after five seconds."""
    queue = FARES_INGEST.retry(0)
    assert queue == "fares.ingest.retry.5s"
    await broker.publish(Outgoing(queue, b"fares", "text/plain", headers={"attempt": 1, "cycle": "c1"}))
    back = await probe.next(FARES_INGEST.name)
    assert back.body == b"fares"
    assert (back.headers["attempt"], back.headers["cycle"]) == (1, "c1")


async def test_an_api_that_cannot_be_reached_is_unavailable_without_its_password() -> None:
    async with open_management("http://user:secret@127.0.0.1:1") as management:
        with pytest.raises(UnavailableError) as refused:
            await management.depths()
    assert "secret" not in str(refused.value)


async def test_an_api_that_refuses_says_what_it_answered(topology: Servers) -> None:
    wrong = topology.rabbitmq.management_url.replace(topology.rabbitmq.password, "wrong")
    async with open_management(wrong) as management:
        with pytest.raises(UnavailableError, match=r"GET /api/queues/%2F\S* answered 401"):
            await management.depths()
