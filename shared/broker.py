"""RabbitMQ, behind the few verbs that services need: publish with confirm, consume, stop consuming.

The one module that imports aio-pika. What is unusual here answers faults of the libraries below it:

- one bad AMQP timestamp or a property that is not UTF-8 would kill the connection and be redelivered for ever,
  so the decoder is made forgiving (`amqp_decoding`);
- a half-open link would end a publish in a bare `CancelledError`, or hold it for ever, so every call has a deadline
  and such a cancellation counts as an outcome that is not known (`_reaching_rabbitmq`);
- `mandatory` alone loses messages silently, so channels raise on returned messages;
- publishing and consuming have a connection each, so that back-pressure on one does not stop the other;
- a robust consumer whose queue is gone or has no leader waits for ever without a word, so a subscription is
  robust by itself: a lost connection is made anew, a queue that cannot be consumed is an error.
"""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aio_pika
import stamina
import structlog
from aio_pika.abc import (
    AbstractConnection,
    AbstractIncomingMessage,
    AbstractQueue,
    AbstractRobustChannel,
    AbstractRobustConnection,
)
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from shared.amqp_decoding import guard_decoder
from shared.deliveries import Context, Delivery, OnDelivery
from shared.errors import UnavailableError
from shared.topology import WorkQueue

HEARTBEAT_S: Final = 10
PUBLISH_TIMEOUT_S: Final = 10.0
_UNCONFIRMED: Final = 500  # messages in flight at once: the deadline of one must not run while it queues here
_CONNECT_TIMEOUT_S: Final = 5.0
_CONSUME_ATTEMPTS: Final = 5
_LONGEST_CONTENT_TYPE: Final = 63  # characters; republished, the property must fit 255 bytes
_CONNECTION_ERRORS: Final = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError, RuntimeError)

Connection = TypeVar("Connection", bound=AbstractConnection)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish. Its id is the body's hash, so that a repeat carries the same one.

    `expiration` is in seconds: after so long at the most it leaves its queue for where that queue's dead letters go.
    """

    routing_key: str
    body: bytes
    content_type: str
    exchange: str = ""
    message_id: str | None = None
    headers: dict[str, Any] | None = None
    expiration: float | None = None

    def to_amqp(self) -> aio_pika.Message:
        """The persistent AMQP message."""
        return aio_pika.Message(
            self.body,
            content_type=self.content_type,
            message_id=self.message_id or hashlib.blake2b(self.body, digest_size=16).hexdigest(),
            headers=self.headers or {},
            expiration=self.expiration,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )


class Broker:
    """One process's connections to RabbitMQ."""

    def __init__(
        self, url: str, name: str, publishing: AbstractRobustConnection, channel: AbstractRobustChannel
    ) -> None:
        self._url = url
        self._name = name
        self._publishing = publishing
        self._channel = channel
        self._subscriptions: list[Subscription] = []
        self._slots = asyncio.Semaphore(_UNCONFIRMED)

    @classmethod
    async def connect(cls, url: str, name: str) -> "Broker":
        """Connect for publishing, waiting as long as it takes for the broker to be there."""
        guard_decoder()
        connection = await _connect(aio_pika.connect_robust, url, f"{name} publishing")
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        assert isinstance(channel, AbstractRobustChannel)
        return cls(url, name, connection, channel)

    @property
    def connected(self) -> bool:
        """Whether publishing and every subscription have a live connection."""
        consuming = all(subscription.consuming for subscription in self._subscriptions)
        return consuming and self._publishing.connected.is_set()

    async def publish(self, message: Outgoing) -> None:
        """Publish and wait until the broker has confirmed that the message is safe in a queue.

        Raises:
            UnavailableError: it is not confirmed; it may have landed all the same.
        """
        async with self._slots, _reaching_rabbitmq(PUBLISH_TIMEOUT_S):
            exchange = await self._channel.get_exchange(message.exchange, ensure=False)
            await exchange.publish(message.to_amqp(), message.routing_key, mandatory=True)

    async def publish_all(self, messages: Iterable[Outgoing]) -> None:
        """Publish all and wait until the last is confirmed.

        Raises:
            UnavailableError: at least one is not confirmed.
        """
        outcomes = await asyncio.gather(*map(self.publish, messages), return_exceptions=True)
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

    async def close(self) -> None:
        """Close all connections; what is not acknowledged goes back to its queue."""
        for subscription in self._subscriptions:
            await subscription.close()
        await self._publishing.close()


class Subscription:
    """A consumer on one queue, with a connection of its own that is made anew when it is lost.

    `kept` is the task that does so. It ends by itself only with an error: the queue is gone or has no leader.
    """

    kept: asyncio.Task[None]

    def __init__(self, url: str, name: str, queue: WorkQueue, on_delivery: OnDelivery) -> None:
        self._url = url
        self._name = name
        self._queue = queue
        self._on_delivery = on_delivery
        self._lost = asyncio.Event()

    @property
    def consuming(self) -> bool:
        """Whether messages can come in."""
        return not self._lost.is_set()

    async def open(self) -> None:
        """Start consuming and keep on."""
        await self._consume()
        self.kept = asyncio.create_task(self._keep(), name=f"{self._name} subscription")

    async def cancel(self) -> None:
        """Let no further message come in; those in hand can still be settled."""
        await self._let_go()
        try:
            async with _reaching_rabbitmq(_CONNECT_TIMEOUT_S):
                await self._source.cancel(self._tag)
        except UnavailableError as error:
            log.warning("consumer_not_cancelled", error=str(error))

    async def close(self) -> None:
        """Close the connection; what is not settled goes back to the queue."""
        await self._let_go()
        await self._connection.close()

    async def _let_go(self) -> None:
        self.kept.cancel()
        await asyncio.wait([self.kept])

    async def _keep(self) -> None:
        while True:
            await self._lost.wait()
            log.warning("subscription_lost", queue=self._queue.name, consequence="connecting again")
            await self._connection.close()
            await self._consume()

    async def _consume(self) -> None:
        """Connect and consume. Only a few tries: a broker that has just started may still elect leaders."""
        attempts = stamina.retry_context(on=UnavailableError, attempts=_CONSUME_ATTEMPTS, timeout=None, wait_max=2.0)
        async for attempt in attempts:
            with attempt:
                self._connection = await _connect(aio_pika.connect, self._url, self._name)
                await self._begin()

    async def _begin(self) -> None:
        try:
            async with _reaching_rabbitmq(_CONNECT_TIMEOUT_S):
                self._source, self._tag = await self._open_source()
        except UnavailableError as error:
            await self._connection.close()
            raise UnavailableError("rabbitmq", f"cannot consume {self._queue.name}: {error.__cause__!r}") from error

    async def _open_source(self) -> tuple[AbstractQueue, str]:
        async def on_message(message: AbstractIncomingMessage) -> None:
            await self._on_delivery(_delivery(message))

        self._lost.clear()
        channel = await self._connection.channel()
        channel.close_callbacks.add(lambda *_: self._lost.set())
        (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(lambda _: self._lost.set())
        await channel.set_qos(prefetch_count=self._queue.prefetch)
        source = await channel.get_queue(self._queue.name, ensure=True)
        return source, await source.consume(on_message)


class _AmqpAcknowledger:
    """Settles one AMQP delivery; on a lost channel there is nothing to settle."""

    def __init__(self, message: AbstractIncomingMessage) -> None:
        self._message = message
        self._channel = message.channel  # the message itself gives a lost one no more

    @property
    def lost(self) -> bool:
        return bool(self._channel.is_closed)

    async def ack(self) -> None:
        await self._settle(self._message.ack())

    async def hand_back(self) -> None:
        await self._settle(self._message.nack(requeue=True))

    async def _settle(self, settling: Awaitable[None]) -> None:
        try:
            async with _reaching_rabbitmq(_CONNECT_TIMEOUT_S):
                await settling
        except UnavailableError as error:
            log.warning("not_settled", error=str(error), consequence="the broker delivers it again")


def _delivery(message: AbstractIncomingMessage) -> Delivery:
    encoded = f"; encoding={message.content_encoding}" if message.content_encoding else ""
    return Delivery(
        body=message.body,
        content_type=message.content_type and (message.content_type + encoded)[:_LONGEST_CONTENT_TYPE],
        context=Context.read(message.headers),
        message_id=message.message_id,
        acknowledger=_AmqpAcknowledger(message),
    )


@asynccontextmanager
async def _reaching_rabbitmq(seconds: float) -> AsyncIterator[None]:
    """Turn a lost link, an error of the broker and a passed deadline into `UnavailableError`."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise UnavailableError("rabbitmq", "the link was lost") from None
    except _CONNECTION_ERRORS as error:
        raise UnavailableError("rabbitmq", type(error).__name__) from error


async def _connect(connect: Callable[..., Awaitable[Connection]], url: str, name: str) -> Connection:
    """Connect, waiting as long as it takes for the broker to be there."""
    attempts = stamina.retry_context(on=_CONNECTION_ERRORS, attempts=None, timeout=None, wait_max=5.0)
    async for attempt in attempts:
        with attempt:
            return await connect(
                url,
                heartbeat=HEARTBEAT_S,
                timeout=_CONNECT_TIMEOUT_S,
                reconnect_interval=random.uniform(0.5, 1.5),  # noqa: S311  # spreads the fleet, hides nothing
                client_properties={"connection_name": name},
            )
    raise AssertionError("the retries above never run out")
