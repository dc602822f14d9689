"""Messages that are to come again after a time of their own, on a real broker."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.consumer import Consumer
from shared.deliveries import DeadLetter, Delivery, Done, Retry, Settlement, Several, Wait
from shared.health import Health
from shared.topology import NOTIFICATIONS, NOTIFICATIONS_URGENT, Lane
from tests.integration.conftest import Probe

# The shortest waiting queue keeps a message for 15 s unless its own expiration is heeded.
SOON = 10
JSON = "application/json"
HEADERS = {"cycle": "c1", "route": "NYC-LON", "attempt": 1}


class Settling:
    """Settles deliveries as it is told, one after the other, and keeps them."""

    def __init__(self, *settlements: Settlement) -> None:
        self.deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
        self._settlements = list(settlements)

    async def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        for delivery in deliveries:
            self.deliveries.put_nowait(delivery)
        return [self._settlements.pop(0) for _ in deliveries]


@asynccontextmanager
async def consuming(broker: Broker, settling: Settling) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    run = asyncio.create_task(Consumer(broker, NOTIFICATIONS_URGENT, settling, Health()).run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await run


async def publish(broker: Broker) -> None:
    await broker.publish(Outgoing(Lane.URGENT.value, b"whole", JSON, NOTIFICATIONS.name, headers=HEADERS))


async def test_a_message_comes_again_after_a_time_of_its_own_as_often_as_need_be(broker: Broker) -> None:
    settling = Settling(Wait("later", 0.2), Wait("later", 0.1, b"part", JSON), Wait("later", 0), Done())
    async with consuming(broker, settling), asyncio.timeout(SOON):
        await publish(broker)
        deliveries = [await settling.deliveries.get() for _ in range(4)]
    assert [delivery.body for delivery in deliveries] == [b"whole", b"whole", b"part", b"part"]
    assert {(each.context.attempt, each.context.cycle, each.context.route) for each in deliveries} == {
        (1, "c1", "NYC-LON")
    }


async def test_what_waits_long_lets_what_waits_shortly_pass(broker: Broker) -> None:
    """It is in another queue."""
    settling = Settling(Several((Wait("later", 600, b"late", JSON), Wait("later", 0.1, b"soon", JSON))), Done())
    async with consuming(broker, settling), asyncio.timeout(SOON):
        await publish(broker)
        deliveries = [await settling.deliveries.get() for _ in range(2)]
    assert [delivery.body for delivery in deliveries] == [b"whole", b"soon"]


async def test_each_part_of_a_message_lands_where_it_belongs(broker: Broker, probe: Probe) -> None:
    parts = (Retry("a", b"1", JSON), Wait("b", 100, b"2", JSON), DeadLetter("c", b"3", JSON))
    async with consuming(broker, Settling(Several(parts))):
        await publish(broker)
        found = [await probe.next(f"notifications.urgent.{queue}") for queue in ("retry.30s", "wait.4m", "dead")]
    assert [(message.body, message.headers["reason"]) for message in found] == [(b"1", "a"), (b"2", "b"), (b"3", "c")]
    assert [message.expiration for message in found] == [None, 100, None]
    assert await probe.all(NOTIFICATIONS_URGENT.name) == []


async def test_what_has_waited_does_not_expire_again(broker: Broker, probe: Probe) -> None:
    queue, expiration = NOTIFICATIONS_URGENT.wait(0.1)
    await broker.publish(Outgoing(queue, b"whole", JSON, headers=HEADERS, expiration=expiration))
    back = await probe.next(NOTIFICATIONS_URGENT.name, SOON)
    assert (back.body, back.expiration) == (b"whole", None)
