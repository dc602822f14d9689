"""The way to the broker is open while a batch may get through, and known to be shut as soon as one has not."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.ingest_gateway.intake.batches import Batch
from services.ingest_gateway.intake.outlet import Outlet
from shared.errors import UnavailableError
from shared.fare_lanes import Lane
from shared.messages.batches import ARROW
from shared.topology import FARES, LIVE_FARES
from tests.unit.intakes import GatewayBroker

SWEPT = Batch(Lane.SWEEP, "c1", 1, b"swept")
LIVE = Batch(Lane.LIVE, None, 1, b"live")


class SlowBroker(GatewayBroker):
    """One that is there only once a test says so; it counts what it is asked to publish."""

    def __init__(self) -> None:
        super().__init__()
        self.started = asyncio.Event()
        self.alarmed = False

    @property
    def blocked(self) -> bool:
        """While a test says so."""
        return self.alarmed

    async def connected_to(self) -> "SlowBroker":
        await self.started.wait()
        return self


@pytest.fixture
async def broker() -> SlowBroker:
    return SlowBroker()


@pytest.fixture
async def outlet(broker: SlowBroker) -> AsyncIterator[Outlet]:
    outlet = Outlet(broker.connected_to)
    async with outlet.connecting():
        yield outlet


@pytest.fixture
async def connected(outlet: Outlet, broker: SlowBroker) -> Outlet:
    broker.started.set()
    while not outlet.connected:  # noqa: ASYNC110  # it connects in the background, without an event
        await asyncio.sleep(0)
    return outlet


async def test_before_the_broker_is_there_a_batch_is_refused_at_once(outlet: Outlet) -> None:
    assert not outlet.open(Lane.LIVE)
    with pytest.raises(UnavailableError, match="not connected"):
        await outlet.publish(LIVE)


async def test_as_soon_as_it_is_there_batches_go(connected: Outlet, broker: SlowBroker) -> None:
    assert connected.open(Lane.SWEEP)
    await connected.publish(SWEPT)
    await connected.publish(LIVE)
    sent = [(message.exchange, message.headers, message.content_type) for message in broker.published]
    assert sent == [(FARES.name, {"cycle": "c1"}, ARROW), (LIVE_FARES.name, {}, ARROW)]


async def test_during_an_alarm_nothing_is_tried_and_after_it_batches_go_at_once(
    connected: Outlet, broker: SlowBroker
) -> None:
    broker.alarmed = True
    assert not connected.open(Lane.LIVE)
    with pytest.raises(UnavailableError, match="it has blocked us"):
        await connected.publish(LIVE)
    broker.alarmed = False
    await connected.publish(LIVE)


async def test_a_lane_that_takes_nothing_is_left_alone_and_the_other_is_not(
    connected: Outlet, broker: SlowBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = broker.publish
    tried = []

    async def full(message: object) -> None:
        tried.append(message)
        raise UnavailableError("rabbitmq", "a queue is full")

    monkeypatch.setattr(broker, "publish", full)
    for reason in ("a queue is full", "circuit breaker is open"):
        with pytest.raises(UnavailableError, match=reason):
            await connected.publish(SWEPT)
    assert len(tried) == 1
    assert not connected.open(Lane.SWEEP)
    monkeypatch.setattr(broker, "publish", publish)
    assert connected.open(Lane.LIVE)
    await connected.publish(LIVE)


async def test_an_address_that_makes_no_sense_ends_the_service() -> None:
    async def connect() -> GatewayBroker:
        raise ValueError("no such scheme")

    async def work() -> None:
        async with Outlet(connect).connecting():
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as ended:
        await work()
    assert ended.group_contains(ValueError, match="no such scheme")


async def test_a_service_that_stops_does_not_wait_for_a_broker_that_is_away(broker: SlowBroker) -> None:
    async with Outlet(broker.connected_to).connecting():
        pass
    assert not broker.started.is_set()
