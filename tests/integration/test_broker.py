"""The broker module on a real RabbitMQ: confirms, strange properties, settlement, and connections that end."""

import asyncio
from typing import Any
from urllib.parse import quote

import aiohttp
import aiormq
import pytest
from aiormq.abc import ChannelFrame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from shared.broker import subscription
from shared.broker.broker import Broker
from shared.broker.links import HEARTBEAT_S
from shared.broker.outgoing import Outgoing
from shared.consumer import Consumer
from shared.deliveries import Delivery
from shared.errors import UnavailableError
from shared.health import Health
from shared.management import open_management
from shared.topology import CHANGES, CHANGES_ALERTS, FARES_INGEST, WorkQueue
from tests.forged_properties import readable_forgeries, unreadable_forgeries
from tests.integration.conftest import Probe
from tests.integration.inbox import Inbox, consuming, eventually_publish
from tests.private_servers import Servers

FARES = FARES_INGEST.name


def fares(body: bytes) -> Outgoing:
    return Outgoing(FARES, body, "text/plain")


async def connections(servers: Servers, count: int) -> list[dict[str, Any]]:
    """Our connections as the broker lists them, once it lists as many: it learns of them a little later."""
    async with aiohttp.ClientSession(servers.rabbitmq.management_url) as session, asyncio.timeout(15):
        while True:
            listed = await (await session.get("/api/connections")).json()
            ours = [c for c in listed if c.get("client_properties", {}).get("connection_name", "").startswith("tests")]
            if len(ours) == count and all("timeout" in connection for connection in ours):
                return ours
            await asyncio.sleep(0.1)


async def close_connections(servers: Servers) -> None:
    """Close both of ours, as an operator does."""
    async with aiohttp.ClientSession(servers.rabbitmq.management_url) as session:
        for connection in await connections(servers, 2):
            await session.delete(f"/api/connections/{quote(connection['name'])}")


FORGERIES = readable_forgeries("text/plain") | unreadable_forgeries("text/plain")


async def publish_forged(probe: Probe, body: bytes, properties: Basic.Properties) -> None:
    channel = await probe.channel.get_underlay_channel()
    await channel.basic_publish(body, routing_key=FARES, properties=properties)


@pytest.mark.parametrize("properties", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_message_with_strange_properties_is_delivered_like_those_around_it(
    broker: Broker, probe: Probe, properties: Basic.Properties
) -> None:
    inbox = Inbox()
    async with consuming(broker, inbox):
        for body, sent in ((b"before", None), (b"strange", properties), (b"after", None)):
            await publish_forged(probe, body, sent or Basic.Properties(content_type="text/plain"))
        received = {delivery.body: delivery for delivery in [await inbox.next() for _ in range(3)]}
        assert set(received) == {b"before", b"strange", b"after"}
        assert received[b"strange"].context.attempt == 0
        assert received[b"strange"].context.headers() == {}
    assert await probe.all(FARES) == []


@pytest.mark.parametrize("forgery", ["timestamp of -1", "timestamp of -1 in a header"])
async def test_a_timestamp_that_cannot_be_read_costs_no_other_property(
    broker: Broker, probe: Probe, forgery: str
) -> None:
    inbox = Inbox()
    async with consuming(broker, inbox):
        await publish_forged(probe, b"strange", FORGERIES[forgery])
        assert (await inbox.next()).content_type == "text/plain"


async def test_a_routing_key_that_is_not_utf_8_harms_nobody(broker: Broker, probe: Probe) -> None:
    """A fanout exchange takes any."""
    arrived = asyncio.Queue[Delivery]()
    subscription = await broker.consume(CHANGES_ALERTS, arrived.put)
    channel = await probe.channel.get_underlay_channel()
    assert isinstance(channel, aiormq.Channel)
    publish = Basic.Publish(exchange=CHANGES.name, routing_key="??")
    raw = publish.marshal().replace(b"??", b"\xff\xfe")
    publish.marshal = lambda: raw  # type: ignore[method-assign]  # bytes that pamqp would not encode
    await channel.write_queue.put(publishing(channel.number, publish, b"strange"))
    await broker.publish(Outgoing("", b"after", "text/plain", CHANGES.name))
    async with asyncio.timeout(15):
        deliveries = [await arrived.get(), await arrived.get()]
    assert {delivery.body for delivery in deliveries} == {b"strange", b"after"}
    for delivery in deliveries:
        await delivery.acknowledger.ack()
    assert subscription.consuming


def publishing(channel: int, publish: Basic.Publish, body: bytes) -> ChannelFrame:
    header = ContentHeader(body_size=len(body), properties=Basic.Properties(message_id="forged"))
    return ChannelFrame.marshall(channel_number=channel, frames=[publish, header, ContentBody(body)])


async def test_a_dead_letter_with_an_endless_content_type_finds_its_queue(broker: Broker, probe: Probe) -> None:
    async with consuming(broker, Inbox()):
        await publish_forged(probe, b"dead", FORGERIES["content type and encoding of 255 bytes"])
        dead = await probe.next(FARES_INGEST.dead)
    assert dead.body == b"dead"
    assert dead.content_type == "x" * 63


async def test_a_dead_letter_lies_in_its_queue_with_its_reason(broker: Broker, probe: Probe) -> None:
    async with consuming(broker, Inbox()):
        await broker.publish(Outgoing(FARES, b"dead", "text/plain", headers={"cycle": "c1"}))
        dead = await probe.next(FARES_INGEST.dead)
    assert (dead.body, dead.content_type) == (b"dead", "text/plain")
    assert (dead.headers["cycle"], dead.headers["reason"]) == ("c1", "unwanted")
    assert await probe.all(FARES) == []


async def test_a_message_is_persistent_and_its_id_is_the_same_when_repeated(
    broker: Broker, probe: Probe, topology: Servers
) -> None:
    await broker.publish(fares(b"a"))
    await broker.publish_all([fares(b"a"), fares(b"b"), Outgoing(FARES, b"c", "text/plain", message_id="given")])
    async with aiohttp.ClientSession(topology.rabbitmq.management_url) as session:
        wanted = {"count": 10, "ackmode": "ack_requeue_true", "encoding": "auto"}
        messages = await (await session.post(f"/api/queues/%2f/{FARES}/get", json=wanted)).json()
    ids = {message["payload"]: message["properties"]["message_id"] for message in messages}
    assert len(messages) == 4
    assert {message["properties"]["delivery_mode"] for message in messages} == {2}
    assert len(set(ids.values())) == 3
    assert ids["c"] == "given"
    assert [message.body for message in await probe.all(FARES)] == [b"a", b"a", b"b", b"c"]


@pytest.mark.parametrize(("exchange", "routing_key"), [("", "no.such"), ("no.such", ""), ("notifications", "?")])
async def test_what_no_queue_takes_is_never_taken_for_confirmed(
    broker: Broker, exchange: str, routing_key: str
) -> None:
    with pytest.raises(UnavailableError, match="rabbitmq is unavailable"):
        await broker.publish(Outgoing(routing_key, b"lost?", "text/plain", exchange))
    await eventually_publish(broker, fares(b"next"))


async def test_of_many_messages_one_that_no_queue_takes_fails_them_all(broker: Broker) -> None:
    with pytest.raises(UnavailableError):
        await broker.publish_all([fares(b"a"), Outgoing("no.such.queue", b"b", "text/plain"), fares(b"c")])


async def test_each_connection_has_a_name_and_our_heartbeat(broker: Broker, topology: Servers) -> None:
    async with consuming(broker, Inbox()):
        ours = {c["client_properties"]["connection_name"]: c["timeout"] for c in await connections(topology, 2)}
    assert ours == {"tests publishing": HEARTBEAT_S, f"tests {FARES}": HEARTBEAT_S}


async def test_a_consumer_that_has_ended_leaves_no_connection_behind(broker: Broker, topology: Servers) -> None:
    """One that is never told of it could only be lost, and the process would not be ready any more."""
    async with consuming(broker, Inbox()):
        await connections(topology, 2)
    (ours,) = await connections(topology, 1)
    assert ours["client_properties"]["connection_name"] == "tests publishing"
    assert broker.connected


async def test_connections_that_an_operator_closes_are_made_anew(broker: Broker, topology: Servers) -> None:
    """What was in hand comes again; what is published goes on."""
    inbox = Inbox()
    async with consuming(broker, inbox):
        await broker.publish(fares(b"before"))
        await inbox.see(b"before")
        await close_connections(topology)
        await eventually_publish(broker, fares(b"after"))
        await inbox.see(b"after", b"before")
        assert broker.connected


async def test_a_message_in_hand_on_a_lost_connection_is_known_to_be_lost_and_comes_again(
    broker: Broker, topology: Servers
) -> None:
    arrived = asyncio.Queue[Delivery]()
    await broker.consume(FARES_INGEST, arrived.put)
    await broker.publish(fares(b"fares"))
    first = await arrived.get()
    await close_connections(topology)
    async with asyncio.timeout(20):
        again = await arrived.get()
    assert again.body == b"fares"
    assert (first.acknowledger.lost, again.acknowledger.lost) == (True, False)
    await first.acknowledger.ack()
    await first.acknowledger.hand_back()
    await again.acknowledger.ack()


async def test_after_a_cancelled_subscription_what_is_in_hand_can_still_be_settled(
    broker: Broker, probe: Probe
) -> None:
    arrived = asyncio.Queue[Delivery]()
    subscription = await broker.consume(FARES_INGEST, arrived.put)
    await broker.publish_all([fares(b"done"), fares(b"handed back")])
    deliveries = {delivery.body: delivery for delivery in (await arrived.get(), await arrived.get())}
    await subscription.cancel()
    await deliveries[b"done"].acknowledger.ack()
    await deliveries[b"handed back"].acknowledger.hand_back()
    await broker.publish(fares(b"late"))
    left = [await probe.next(FARES), await probe.next(FARES)]
    assert {(message.body, message.redelivered) for message in left} == {(b"handed back", True), (b"late", False)}
    assert arrived.empty()


async def test_a_queue_that_is_deleted_live_ends_the_run_with_an_error(
    broker: Broker, topology: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "_CONSUME_ATTEMPTS", 2)
    run = asyncio.create_task(Consumer(broker, FARES_INGEST, Inbox(), Health()).run(asyncio.Event()))
    await connections(topology, 2)
    async with aiohttp.ClientSession(topology.rabbitmq.management_url) as session:
        await session.delete(f"/api/queues/%2f/{FARES}")
    try:
        async with asyncio.timeout(20):
            with pytest.raises(RuntimeError, match="ended while the service runs") as ended:
                await run
        assert "cannot consume fares.ingest" in str(ended.value.__cause__)
        assert "NOT_FOUND" in str(ended.value.__cause__)
    finally:
        async with open_management(topology.rabbitmq.management_url) as management:
            await management.apply_topology()


async def test_a_consumer_of_a_queue_that_is_not_there_says_so(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "_CONSUME_ATTEMPTS", 1)
    with pytest.raises(UnavailableError, match=r"cannot consume no\.such\.queue"):
        await Consumer(broker, WorkQueue("no.such.queue", 1), Inbox(), Health()).run(asyncio.Event())
