"""A RabbitMQ of the test's own is killed and frozen: nothing confirmed is lost, nobody hangs, all go on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.broker import links, publisher
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.deliveries import Delivery
from shared.errors import UnavailableError
from shared.topology import FARES_INGEST
from tests.integration.inbox import Inbox, consuming, eventually_publish
from tests.integration.killable_broker import KillableBroker, frozen, killable_broker

pytestmark = pytest.mark.usefixtures("server_programs")


@pytest.fixture
async def private(tmp_path: Path) -> AsyncIterator[KillableBroker]:
    async with killable_broker(tmp_path) as private:
        yield private


@pytest.fixture
async def broker(private: KillableBroker) -> AsyncIterator[Broker]:
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
    private: KillableBroker, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Publishers fail fast; consumers get what was in hand again, and then what is new."""
    monkeypatch.setattr(publisher, "CONFIRM_TIMEOUT_S", 1.0)
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
    private: KillableBroker, broker: Broker, monkeypatch: pytest.MonkeyPatch, publish_timeout: float
) -> None:
    monkeypatch.setattr(publisher, "CONFIRM_TIMEOUT_S", publish_timeout)
    async with frozen(private.pid), asyncio.timeout(20):
        with pytest.raises(UnavailableError, match="rabbitmq"):
            await broker.publish(fares(b"unknown"))
        with pytest.raises(UnavailableError, match="rabbitmq"):
            await broker.publish_all([fares(b"unknown"), fares(b"unknown")])
    monkeypatch.setattr(publisher, "CONFIRM_TIMEOUT_S", 1.0)
    await eventually_publish(broker, fares(b"known"))


async def test_a_consumer_of_a_frozen_broker_notices_and_goes_on_when_it_thaws(
    private: KillableBroker, broker: Broker
) -> None:
    inbox = Inbox()
    async with consuming(broker, inbox):
        await broker.publish(fares(b"before"))
        await inbox.see(b"before")
        async with frozen(private.pid):
            await unready(broker)
        await eventually_publish(broker, fares(b"after"))
        await inbox.see(b"after", b"before")


@pytest.fixture(autouse=True)
def short_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link is half-open after six seconds of silence."""
    monkeypatch.setattr(links, "HEARTBEAT_S", 1)


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish waits for a lost link no longer than a second."""
    monkeypatch.setattr(publisher, "PATIENCE_S", 1.0)
