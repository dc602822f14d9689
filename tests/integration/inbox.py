"""A consumer on a real broker that keeps what it is given, for tests of the broker module."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.consumer import Consumer
from shared.deliveries import DeadLetter, Delivery, Done, Settlement
from shared.errors import UnavailableError
from shared.health import Health
from shared.topology import FARES_INGEST


class Inbox:
    """A handler that keeps what it is given; a body `dead` is dead."""

    def __init__(self) -> None:
        self.deliveries: asyncio.Queue[Delivery] = asyncio.Queue()

    async def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        for delivery in deliveries:
            self.deliveries.put_nowait(delivery)
        return [DeadLetter("unwanted") if delivery.body == b"dead" else Done() for delivery in deliveries]

    async def next(self, seconds: float = 30) -> Delivery:
        """The next delivery, waited for."""
        async with asyncio.timeout(seconds):
            return await self.deliveries.get()

    async def see(self, awaited: bytes, *repeated: bytes) -> None:
        """Wait until this body has come; before it only these may come, which were seen already."""
        while (body := (await self.next()).body) != awaited:
            assert body in repeated


@asynccontextmanager
async def consuming(broker: Broker, inbox: Inbox) -> AsyncIterator[None]:
    """Consume fares into the inbox while the block runs."""
    stopping = asyncio.Event()
    run = asyncio.create_task(Consumer(broker, FARES_INGEST, inbox, Health()).run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await run


async def eventually_publish(broker: Broker, message: Outgoing) -> None:
    """Repeat as every consumer does until the message is confirmed; each try has a deadline of its own."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await broker.publish(message)
            except UnavailableError:
                await asyncio.sleep(0.05)
