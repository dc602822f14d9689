"""A RabbitMQ of the test's own is killed and frozen: nothing confirmed is lost, nobody hangs, all go on."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import shared.broker
from fleet.servers import rabbitmq
from fleet.servers.children import Children, children_in
from fleet.servers.ports import free_ports
from fleet.servers.rabbitmq import RabbitMQ
from fleet.servers.records import load_records
from shared.broker import Broker, Outgoing
from shared.deliveries import Delivery
from shared.errors import UnavailableError
from shared.management import open_management
from shared.topology import FARES_INGEST
from tests.integration.inbox import Inbox, consuming, eventually_publish

pytestmark = pytest.mark.usefixtures("server_programs")


class Private:
    """A RabbitMQ that may be killed, frozen and started again where it was."""

    server: RabbitMQ

    def __init__(self, children: Children) -> None:
        self.children = children

    async def start(self) -> None:
        self.server = rabbitmq.launch(self.children, self.children.folder / "rabbitmq")
        await asyncio.to_thread(self.children.wait_ready, self.server)

    def signal(self, number: signal.Signals) -> None:
        for record in load_records(self.children.folder / "run"):
            if record.name == "rabbitmq":
                os.kill(record.pid, number)

    def kill(self) -> None:
        """End it without a goodbye."""
        self.signal(signal.SIGKILL)
        self.children.stop("rabbitmq", "epmd")


@pytest.fixture
async def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Private]:
    ports = free_ports(4)
    monkeypatch.setattr(rabbitmq, "free_ports", lambda _: ports)
    with children_in(tmp_path, print) as children:
        private = Private(children)
        await private.start()
        async with open_management(private.server.management_url) as management:
            await management.apply_topology()
        yield private
        private.signal(signal.SIGCONT)


@pytest.fixture
async def broker(private: Private) -> AsyncIterator[Broker]:
    broker = await Broker.connect(private.server.amqp_url, "tests")
    yield broker
    await broker.close()


async def unready(broker: Broker) -> None:
    """Wait until a readiness probe would see that the link is lost."""
    async with asyncio.timeout(20):
        while broker.connected:  # noqa: ASYNC110  # readiness is asked for, it has no event
            await asyncio.sleep(0.05)


def fares(body: bytes) -> Outgoing:
    return Outgoing(FARES_INGEST.name, body, "text/plain")


async def test_a_killed_broker_loses_nothing_that_it_confirmed(
    private: Private, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Publishers fail fast; consumers get what was in hand again, and then what is new."""
    monkeypatch.setattr(shared.broker, "PUBLISH_TIMEOUT_S", 1.0)
    confirmed = [b"%d" % number for number in range(200)]
    await broker.publish_all(map(fares, confirmed))
    in_hand = asyncio.Queue[Delivery]()
    subscription = await broker.consume(FARES_INGEST, in_hand.put)
    begun = await in_hand.get()

    private.kill()
    async with asyncio.timeout(5):
        with pytest.raises(UnavailableError, match="rabbitmq"):
            await broker.publish(fares(b"never confirmed"))
    await unready(broker)
    await private.start()

    await eventually_publish(broker, fares(b"new"))
    async with asyncio.timeout(30):
        while (again := await in_hand.get()).acknowledger.lost:
            pass
    assert begun.acknowledger.lost
    assert again.body in confirmed
    assert broker.connected
    await subscription.close()
    inbox = Inbox()
    async with consuming(broker, inbox):
        seen: set[bytes] = set()
        while not seen >= {*confirmed, b"new"}:
            seen.add((await inbox.next()).body)
    assert seen - {b"never confirmed"} == {*confirmed, b"new"}


@pytest.mark.parametrize("publish_timeout", [1.0, 30.0], ids=["by its timeout", "by the heartbeat"])
async def test_publishing_to_a_frozen_broker_fails_and_goes_on_when_it_thaws(
    private: Private, broker: Broker, monkeypatch: pytest.MonkeyPatch, publish_timeout: float
) -> None:
    monkeypatch.setattr(shared.broker, "PUBLISH_TIMEOUT_S", publish_timeout)
    private.signal(signal.SIGSTOP)
    async with asyncio.timeout(20):
        with pytest.raises(UnavailableError, match="rabbitmq"):
            await broker.publish(fares(b"unknown"))
        with pytest.raises(UnavailableError, match="rabbitmq"):
            await broker.publish_all([fares(b"unknown"), fares(b"unknown")])
    private.signal(signal.SIGCONT)
    monkeypatch.setattr(shared.broker, "PUBLISH_TIMEOUT_S", 1.0)
    await eventually_publish(broker, fares(b"known"))


async def test_a_consumer_of_a_frozen_broker_notices_and_goes_on_when_it_thaws(
    private: Private, broker: Broker
) -> None:
    inbox = Inbox()
    async with consuming(broker, inbox):
        await broker.publish(fares(b"before"))
        await inbox.see(b"before")
        private.signal(signal.SIGSTOP)
        await unready(broker)
        private.signal(signal.SIGCONT)
        await eventually_publish(broker, fares(b"after"))
        await inbox.see(b"after", b"before")


@pytest.fixture(autouse=True)
def short_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link is half-open after six seconds of silence."""
    monkeypatch.setattr(shared.broker, "HEARTBEAT_S", 1)
