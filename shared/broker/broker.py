"""One process's connections to RabbitMQ."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import AbstractAsyncContextManager

from shared import metrics
from shared.amqp_decoding import guard_decoder
from shared.broker.browsing import Browser, browsing
from shared.broker.outgoing import Outgoing
from shared.broker.publisher import UNCONFIRMED, Patience, Publisher
from shared.broker.subscription import Subscription
from shared.deliveries import OnDelivery
from shared.topology import WorkQueue


class Broker:
    """One process's connections to RabbitMQ."""

    def __init__(self, url: str, name: str, publisher: Publisher) -> None:
        self._url = url
        self._name = name
        self._publisher = publisher
        self._subscriptions: list[Subscription] = []

    @classmethod
    async def connect(cls, url: str, name: str, patience: Patience | None = None) -> "Broker":
        """Connect for publishing, waiting as long as it takes for the broker to be there.

        Args:
            url: of the broker.
            name: under which its administrator sees the connections.
            patience: with each publish, if not the usual one.
        """
        guard_decoder()
        broker = cls(url, name, await Publisher.connect(url, name, patience))
        metrics.BROKER_BLOCKED.set_function(lambda: broker.blocked)
        return broker

    @property
    def connected(self) -> bool:
        """Whether publishing and every subscription have a live connection."""
        return self._publisher.connected and all(subscription.consuming for subscription in self._subscriptions)

    @property
    def blocked(self) -> bool:
        """Whether the broker, for an alarm, takes nothing that we publish; who does not publish is never told."""
        return self._publisher.blocked

    async def publish(self, message: Outgoing) -> None:
        """Publish and wait until the broker has confirmed that the message is safe in a queue.

        Waits while the queue is full or the broker has an alarm, for a while.

        Raises:
            HeldUpError: the broker takes nothing for now.
            UnavailableError: it is not confirmed; it may have landed all the same.
        """
        await self._publisher.publish(message)

    async def publish_all(self, messages: Iterable[Outgoing]) -> None:
        """Publish all and wait until the last is confirmed.

        Raises:
            UnavailableError: at least one is not confirmed.
        """
        waiting = list(messages)
        lines = min(len(waiting), UNCONFIRMED)
        left = iter(waiting)
        outcomes = await asyncio.gather(*(self._publish_each(left) for _ in range(lines)), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def consume(self, queue: WorkQueue, on_delivery: OnDelivery) -> "Subscription":
        """Let the queue's messages come in, at most its prefetch at a time.

        Raises:
            UnavailableError: the queue is not there or has no leader.
        """
        subscription = Subscription(self._url, f"{self._name} {queue.name}", queue, on_delivery)
        await subscription.open()
        self._subscriptions.append(subscription)
        return subscription

    def browsing(self) -> AbstractAsyncContextManager[Browser]:
        """A connection to look through queues with, for as long as the block lasts."""
        return browsing(self._url, f"{self._name} browsing")

    async def end(self, subscription: Subscription) -> None:
        """Close a subscription's connection; what is not acknowledged goes back to its queue."""
        self._subscriptions.remove(subscription)
        await subscription.close()

    async def close(self) -> None:
        """Close all connections; what is not acknowledged goes back to its queue."""
        for subscription in self._subscriptions:
            await subscription.close()
        await self._publisher.close()

    async def _publish_each(self, messages: Iterator[Outgoing]) -> None:
        """Publish what nobody else has taken; one that fails ends it, so that as many failures end them all."""
        for message in messages:
            await self.publish(message)
