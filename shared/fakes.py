"""Stand-ins for tests that say they are: a broker in memory."""

import asyncio

from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.broker.subscription import Subscription
from shared.deliveries import Context, Delivery, OnDelivery
from shared.errors import UnavailableError
from shared.topology import WorkQueue


class FakeAcknowledger:
    """Tells how its delivery was settled."""

    def __init__(self) -> None:
        self.lost = False
        self.settled: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def ack(self) -> None:
        """Note it; a second settlement is an error."""
        self.settled.set_result("acknowledged")

    async def hand_back(self) -> None:
        """Note it; a second settlement is an error."""
        self.settled.set_result("handed back")


class FakeSubscription(Subscription):
    """Lives until it is cancelled; `kept` can be made to fail."""

    def __init__(self) -> None:  # no connection
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.kept = asyncio.create_task(self._fail(), name="fake subscription")

    async def cancel(self) -> None:
        """Let go."""
        await self._let_go()

    async def _fail(self) -> None:
        await self.failure


class FakeBroker(Broker):
    """Keeps what is published while it is `there`, and delivers what a test gives it."""

    def __init__(self) -> None:  # no connection
        self.there = True
        self.refused = asyncio.Event()
        self.published: list[Outgoing] = []
        self.subscribed = asyncio.Event()
        self.subscription: FakeSubscription

    @property
    def blocked(self) -> bool:
        """Never."""
        return False

    async def publish(self, message: Outgoing) -> None:
        """Confirm at once.

        Raises:
            UnavailableError: a test says that the broker is not there.
        """
        if not self.there:
            self.refused.set()
            raise UnavailableError("rabbitmq", "a test says so")
        self.published.append(message)

    async def consume(self, queue: WorkQueue, on_delivery: OnDelivery) -> Subscription:  # noqa: ARG002  # of one queue
        """Take what `deliver` gives."""
        self.subscription = FakeSubscription()
        self._on_delivery = on_delivery
        self.subscribed.set()
        return self.subscription

    async def end(self, subscription: Subscription) -> None:
        """Let go."""
        await subscription.cancel()

    async def deliver(
        self, body: bytes, content_type: str = "text/plain", context: Context | None = None
    ) -> FakeAcknowledger:
        """Hand a message to the consumer and give what will tell of its settlement."""
        acknowledger = FakeAcknowledger()
        await self._on_delivery(Delivery(body, content_type, context or Context(), None, acknowledger))
        return acknowledger
