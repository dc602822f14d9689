"""Each user of the broker, on a real one: may do all that it does, and is refused everything else at once."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from secrets import token_hex
from typing import Any

import aio_pika
import aiohttp
import pytest
from aio_pika.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused

from fleet.topology.definitions import definitions
from shared.broker import subscription
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.broker_users import ACCESSES, Access, users
from shared.deliveries import Delivery
from shared.errors import UnavailableError
from shared.management import Applied, open_management
from shared.topology import EXCHANGES, FARES, FARES_INGEST, WORK_QUEUES, Exchange
from tests.integration.conftest import Probe, probing
from tests.integration.inbox import eventually_publish
from tests.private_servers import Servers

EXCHANGE = {exchange.name: exchange for exchange in EXCHANGES}
of_each_service = pytest.mark.parametrize("access", ACCESSES, ids=lambda access: access.service)


class Users:
    """The users of the topology on the run's broker, and how each gets in."""

    def __init__(self, servers: Servers) -> None:
        self.server = servers.rabbitmq
        self.passwords = {user.name: token_hex(8) for user in users()}

    def amqp(self, name: str) -> str:
        return f"amqp://{name}:{self.passwords[name]}@127.0.0.1:{self.server.amqp_port}/"

    def management(self, name: str) -> str:
        return f"http://{name}:{self.passwords[name]}@127.0.0.1:{self.server.management_port}"

    @asynccontextmanager
    async def broker(self, name: str) -> AsyncIterator[Broker]:
        """Our broker module as this user."""
        broker = await Broker.connect(self.amqp(name), f"tests {name}")
        try:
            yield broker
        finally:
            await broker.close()

    @asynccontextmanager
    async def http(self, name: str) -> AsyncIterator[aiohttp.ClientSession]:
        """The management API as this user."""
        async with aiohttp.ClientSession(self.management(name)) as session:
            yield session


@pytest.fixture(scope="module")
def admitted(topology: Servers) -> Users:
    admitted = Users(topology)

    async def admit() -> None:
        async with open_management(topology.rabbitmq.management_url) as management:
            await management.apply_users(admitted.passwords)

    asyncio.run(admit())
    return admitted


def written_by(access: Access) -> list[Exchange]:
    """Where a service publishes: what follows, and what has failed."""
    return [*access.publishes, *(EXCHANGE[queue.redelivery] for queue in access.consumes)]


def bound(exchange: Exchange, routing_key: str) -> list[str]:
    """The queues that a message with this key goes to."""
    return [queue for key, queue in exchange.bindings if key == routing_key]


@of_each_service
async def test_a_service_publishes_to_its_exchanges_and_sends_back_what_failed(
    admitted: Users, probe: Probe, access: Access
) -> None:
    async with admitted.broker(access.service) as broker:
        for exchange in written_by(access):
            for routing_key in dict(exchange.bindings):
                body = f"{exchange.name} {routing_key}".encode()
                await broker.publish(Outgoing(routing_key, body, "text/plain", exchange.name))
                for queue in bound(exchange, routing_key):
                    assert (await probe.next(queue)).body == body


@pytest.mark.parametrize("access", [access for access in ACCESSES if access.consumes], ids=lambda each: each.service)
async def test_a_service_consumes_its_queues(admitted: Users, broker: Broker, probe: Probe, access: Access) -> None:
    async with admitted.broker(access.service) as consumer:
        for queue in access.consumes:
            arrived = asyncio.Queue[Delivery]()
            await consumer.consume(queue, arrived.put)
            await broker.publish(Outgoing(queue.name, b"body", "text/plain"))
            async with asyncio.timeout(15):
                delivery = await arrived.get()
            await delivery.acknowledger.ack()
    assert [await probe.all(queue.name) for queue in access.consumes] == [[] for _ in access.consumes]


@of_each_service
async def test_a_publish_that_is_refused_fails_at_once_and_does_not_hinder_the_next(
    admitted: Users, probe: Probe, access: Access
) -> None:
    own = written_by(access)
    routing_key, queue = own[0].bindings[0]
    strange = [exchange for exchange in EXCHANGES if exchange not in own]
    forbidden = [Outgoing(exchange.bindings[0][0], b"refused", "text/plain", exchange.name) for exchange in strange]
    past_all_exchanges = Outgoing(queue, b"refused", "text/plain")
    async with admitted.broker(access.service) as broker:
        for message in [past_all_exchanges, *forbidden]:
            with pytest.raises(UnavailableError, match="ChannelAccessRefused"):  # and no deadline that has passed
                await broker.publish(message)
            await eventually_publish(broker, Outgoing(routing_key, b"allowed", "text/plain", own[0].name))
            assert {(await probe.next(each)).body for each in bound(own[0], routing_key)} == {b"allowed"}
    assert [name for work in WORK_QUEUES for name in work.all_names if await probe.all(name)] == []


@of_each_service
async def test_a_service_may_not_consume_what_is_anothers(
    admitted: Users, probe: Probe, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor its own retry queues and dead letters."""
    assert probe
    monkeypatch.setattr(subscription, "_CONSUME_ATTEMPTS", 1)
    async with admitted.broker(access.service) as broker:
        for queue in [queue for queue in WORK_QUEUES if queue not in access.consumes]:
            with pytest.raises(UnavailableError, match="ACCESS_REFUSED"):
                await broker.consume(queue, _unexpected)
    others = [name for queue in WORK_QUEUES for name in queue.all_names if queue not in access.consumes]
    for name in [*others[:9], *(queue.dead for queue in WORK_QUEUES)]:
        await refused(admitted.amqp(access.service), partial(take, queue=name))


async def _unexpected(delivery: Delivery) -> None:
    raise AssertionError(delivery)


async def take(channel: AbstractChannel, queue: str) -> None:
    await (await channel.get_queue(queue, ensure=False)).get(fail=False)


async def refused(amqp_url: str, forbidden: Callable[[AbstractChannel], Awaitable[Any]]) -> None:
    """The broker answers 403 and closes the channel."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        with pytest.raises(ChannelAccessRefused):
            await forbidden(channel)


@of_each_service
async def test_a_service_may_neither_make_nor_change_anything(admitted: Users, probe: Probe, access: Access) -> None:
    assert probe
    own = [*(queue.name for queue in access.consumes), *(exchange.name for exchange in written_by(access))]
    url = admitted.amqp(access.service)
    await refused(url, lambda channel: channel.declare_queue("theirs", durable=True))
    await refused(url, lambda channel: channel.declare_exchange("theirs", durable=True))
    await refused(url, lambda channel: channel.queue_delete(FARES_INGEST.name))
    await refused(url, lambda channel: channel.exchange_delete(own[-1]))
    await refused(url, partial(bind, exchange=own[-1], queue=FARES_INGEST.dead))


async def bind(channel: AbstractChannel, exchange: str, queue: str) -> None:
    await (await channel.get_queue(queue, ensure=False)).bind(exchange)


@of_each_service
async def test_a_service_has_no_way_into_the_management_api(admitted: Users, access: Access) -> None:
    async with admitted.http(access.service) as session, session.get("/api/overview") as answer:
        assert answer.status == 401


async def test_keda_sees_how_long_a_queue_is_and_nothing_else(admitted: Users, broker: Broker, probe: Probe) -> None:
    await broker.publish(Outgoing(FARES_INGEST.name, b"fares", "text/plain"))
    queue = f"/api/queues/%2F/{FARES_INGEST.name}"
    async with admitted.http("keda") as session:
        async with asyncio.timeout(15):
            while "messages" not in await (await session.get(queue)).json():  # noqa: ASYNC110  # it is sampled
                await asyncio.sleep(0.1)
        body = {"count": 1, "ackmode": "ack_requeue_false", "encoding": "auto"}
        assert (await session.post(f"{queue}/get", json=body)).status >= 400
        assert (await session.delete(f"{queue}/contents")).status >= 400
        assert (await session.delete(queue)).status >= 400
        for path in ("/api/users", "/api/nodes", "/api/definitions"):
            assert (await session.get(path)).status == 401
    await refused(admitted.amqp("keda"), partial(take, queue=FARES_INGEST.name))
    assert [message.body for message in await probe.all(FARES_INGEST.name)] == [b"fares"]


async def test_operations_applies_the_topology_and_sees_queues_and_nodes(admitted: Users) -> None:
    async with open_management(admitted.management("operations")) as management:
        await management.apply_topology()
        assert FARES_INGEST.name in await management.depths()
    async with admitted.http("operations") as session:
        assert (await session.get("/api/nodes")).status == 200


async def test_operations_publishes_fares_and_takes_dead_letters_back_to_their_queue(
    admitted: Users, probe: Probe
) -> None:
    async with admitted.broker("operations") as broker, probing(admitted.amqp("operations")) as operations:
        await broker.publish(Outgoing("", b"fares", "text/plain", FARES.name))
        assert (await probe.next(FARES_INGEST.name)).body == b"fares"
        for queue in WORK_QUEUES:
            await broker.publish(Outgoing(queue.dead, b"dead", "text/plain", queue.redelivery))
            letter = await operations.next(queue.dead)
            await broker.publish(Outgoing(queue.name, letter.body, "text/plain"))
            assert (await probe.next(queue.name)).body == b"dead"


async def test_operations_takes_no_work_and_makes_nothing_but_the_topology(admitted: Users, probe: Probe) -> None:
    assert probe
    url = admitted.amqp("operations")
    for queue in WORK_QUEUES:
        await refused(url, partial(take, queue=queue.name))
    await refused(url, lambda channel: channel.declare_queue("theirs", durable=True))
    await refused(url, lambda channel: channel.declare_exchange("theirs", durable=True))
    async with admitted.http("operations") as session:
        assert (await session.put("/api/users/intruder", json={"password": "x", "tags": "administrator"})).status == 401
        assert (await session.put("/api/vhosts/theirs")).status == 401


async def test_definitions_make_in_an_empty_virtual_host_what_applying_makes(
    admitted: Users, topology: Servers
) -> None:
    """And let the same users in, with the passwords whose hashes they hold."""
    everything = json.dumps(definitions(admitted.passwords)).replace('"vhost": "/"', '"vhost": "imported"')
    imported = json.loads(everything) | {"vhosts": [{"name": "imported"}]}
    async with aiohttp.ClientSession(topology.rabbitmq.management_url) as session:
        async with session.post("/api/definitions", json=imported) as answer:
            assert answer.status in {200, 204}, await answer.text()
        assert await contents(session, "imported") == await contents(session, "%2F")
        async with open_management(admitted.management("operations"), "imported") as management:
            assert await management.apply_topology() == Applied(queues=[], exchanges=[], policies=[])
        await session.delete("/api/vhosts/imported")


async def contents(session: aiohttp.ClientSession, virtual_host: str) -> dict[str, list[str]]:
    """What an export of this virtual host has of the topology, and which rights its users have there."""
    exported = await (await session.get(f"/api/definitions/{virtual_host}")).json()
    exported["permissions"] = await (await session.get(f"/api/vhosts/{virtual_host}/permissions")).json()
    wanted = {*EXCHANGE, *(name for queue in WORK_QUEUES for name in queue.all_names), *(user.name for user in users())}
    kinds = {"queues": "name", "exchanges": "name", "bindings": "source", "policies": "name", "permissions": "user"}
    return {
        kind: sorted(
            json.dumps({**each, "vhost": ""}, sort_keys=True) for each in exported[kind] if each[key] in wanted
        )
        for kind, key in kinds.items()
    }
