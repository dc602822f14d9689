"""A consumer at work on a fake broker, and handlers for it."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from shared.consumer import Consumer, Handler, by_route
from shared.dead_letters import DIED_AT
from shared.deliveries import Context, Delivery, Done, Settlement
from shared.fakes import FakeBroker
from shared.health import Health
from shared.topology import RetryDelay, WorkQueue

QUEUE = WorkQueue("work", prefetch=10, waits=(RetryDelay("15s", 15_000), RetryDelay("1m", 60_000)))
Act = Callable[[Delivery], Awaitable[Settlement]]


class Bench:
    """A consumer at work on a fake broker."""

    def __init__(self, handle: Handler, concurrency: int, batch_size: int, batch_bytes: float = math.inf) -> None:
        self.broker = FakeBroker()
        self.health = Health()
        self.stopping = asyncio.Event()
        self.consumer = Consumer(
            self.broker, QUEUE, handle, self.health, concurrency, batch_size, batch_bytes, by_route
        )
        self.run = asyncio.create_task(self.consumer.run(self.stopping))

    async def settled(self, body: bytes, context: Context | None = None) -> str:
        """Deliver one message and wait for its settlement."""
        return await (await self.broker.deliver(body, context=context)).settled

    def sent(self) -> list[tuple[str, bytes, dict[str, object] | None]]:
        """What was published: where to, the body and the headers, without when it died."""
        return [(message.routing_key, message.body, undated(message.headers)) for message in self.broker.published]


def undated(headers: Mapping[str, object] | None) -> dict[str, object]:
    return {name: value for name, value in (headers or {}).items() if name != DIED_AT}


@asynccontextmanager
async def consuming(
    handle: Handler, concurrency: int = 1, batch_size: int = 1, batch_bytes: float = math.inf
) -> AsyncIterator[Bench]:
    bench = Bench(handle, concurrency, batch_size, batch_bytes)
    await bench.broker.subscribed.wait()
    yield bench
    bench.stopping.set()
    await bench.run


def each(act: Act) -> Handler:
    """A handler that acts on each delivery alone."""

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        return [await act(delivery) for delivery in deliveries]

    return handle


def raising(error: BaseException) -> Handler:
    async def act(_: Delivery) -> Settlement:
        raise error

    return each(act)


class Recorder:
    """Handles with success and remembers the bodies of each call; the first calls raise what it was given."""

    def __init__(self, *errors: BaseException) -> None:
        self.calls: list[list[bytes]] = []
        self.errors = list(errors)

    async def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        self.calls.append([delivery.body for delivery in deliveries])
        if self.errors:
            raise self.errors.pop(0)
        return [Done()] * len(deliveries)


class Held:
    """Holds every call until it is opened."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.bodies: list[bytes] = []

    async def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        self.entered.set()
        await self.open.wait()
        self.bodies += [delivery.body for delivery in deliveries]
        return [Done()] * len(deliveries)
