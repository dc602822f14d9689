"""An alarm of the broker's memory or disk: publishers wait within bounds, say so, and go on when it is over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from services.alerts_api.alerts.evaluations import Evaluations
from shared.broker import publisher
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.broker.publisher import HeldUpError
from shared.errors import UnavailableError
from shared.topology import ALERTS_EVALUATE, CHANGES_ALERTS, FARES_INGEST
from tests.counted import counted
from tests.integration.conftest import Probe
from tests.integration.rabbitmqctl import alarm
from tests.integration.running_price_worker import fares, price_worker
from tests.private_servers import Servers


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish gives up soon, and the work behind it comes again."""
    monkeypatch.setattr(publisher, "PATIENCE_S", 0.5)
    monkeypatch.setattr(publisher, "CONFIRM_TIMEOUT_S", 0.5)


@pytest.fixture(params=["memory", "disk"])
async def alarmed(topology: Servers, broker: Broker, request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    """Our broker module as it stands when it has published during an alarm."""
    async with alarm(topology, request.param):
        await blocked(broker)
        yield broker


def message(body: bytes) -> Outgoing:
    return Outgoing(FARES_INGEST.name, body, "text/plain")


async def blocked(broker: Broker) -> None:
    """Publish until the broker has said that it takes no more: it says so to publishers alone."""
    async with asyncio.timeout(20):
        while not broker.blocked:
            try:
                await broker.publish(message(b"first"))
            except UnavailableError:
                continue


def outcomes(outcome: str) -> float:
    return counted("farelark_publishes_total", exchange="", outcome=outcome)


async def test_who_is_blocked_knows_it_and_writes_nothing_that_might_land_later(alarmed: Broker, probe: Probe) -> None:
    assert counted("farelark_broker_blocked") == 1
    assert alarmed.connected
    unknown = outcomes("unknown")
    with pytest.raises(HeldUpError, match="it has blocked us, for an alarm"):
        await alarmed.publish_all([message(b"never written")] * 600)
    assert outcomes("unknown") == unknown
    assert b"never written" not in {each.body for each in await probe.all(FARES_INGEST.name)}


async def test_what_waits_for_the_end_of_an_alarm_is_published_then(
    topology: Servers, broker: Broker, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = outcomes("unknown")
    async with alarm(topology, "memory"):
        await blocked(broker)
        assert outcomes("unknown") > before, "nobody can know what becomes of the message that met with the alarm"
        monkeypatch.setattr(publisher, "PATIENCE_S", 30.0)
        waiting = asyncio.create_task(broker.publish(message(b"waited")))
    await waiting
    assert not broker.blocked
    assert counted("farelark_broker_blocked") == 0
    assert [each.body for each in await probe.all(FARES_INGEST.name)].count(b"waited") == 1


async def test_a_connection_that_is_blocked_can_be_closed(topology: Servers) -> None:
    broker = await Broker.connect(topology.rabbitmq.amqp_url, "tests")
    async with alarm(topology, "memory"):
        await blocked(broker)
        async with asyncio.timeout(10):
            await broker.close()


async def test_a_worker_is_not_ready_during_an_alarm_and_goes_on_after_it(
    topology: Servers, broker: Broker, probe: Probe, redis: Redis
) -> None:
    """A fare that it has in hand is one change in the end: what may have landed twice has one id."""
    assert redis
    await broker.publish(fares(1))
    async with AsyncExitStack() as running:
        async with alarm(topology, "memory"):
            worker = await running.enter_async_context(price_worker(topology))
            await worker.misses("rabbitmq_alarm")
            await worker.misses("rabbitmq")
        change = await probe.next(CHANGES_ALERTS.name)
        await worker.misses_nothing()
    assert {again.message_id for again in await probe.all(CHANGES_ALERTS.name)} <= {change.message_id}
    assert await probe.all(FARES_INGEST.name) == []


async def test_a_worker_that_is_stopped_during_an_alarm_hands_its_work_back(
    topology: Servers, broker: Broker, probe: Probe, redis: Redis
) -> None:
    assert redis
    await broker.publish(fares(1))
    async with alarm(topology, "memory"), price_worker(topology) as worker:
        await worker.misses("rabbitmq_alarm")
    assert (await probe.next(FARES_INGEST.name)).redelivered


async def test_a_write_of_the_api_does_not_wait_for_the_end_of_an_alarm(topology: Servers, probe: Probe) -> None:
    evaluations = Evaluations(partial(Broker.connect, topology.rabbitmq.amqp_url, "tests"))
    before = counted("farelark_evaluations_unsent_total")
    await evaluations._connect()
    assert evaluations._broker
    async with alarm(topology, "memory"):
        await blocked(evaluations._broker)
        await evaluations.ask_for(uuid4(), "NYC-LON")
        with pytest.raises(UnavailableError, match="it has blocked us"):
            await evaluations.check()
    await evaluations._broker.close()
    assert counted("farelark_evaluations_unsent_total") == before + 1
    assert await probe.all(ALERTS_EVALUATE.name) == []
