"""Consuming one queue for as long as the service runs."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Final

import aio_pika
import stamina
import structlog
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from shared.broker.links import CONNECT_TIMEOUT_S, connect, reaching_rabbitmq
from shared.deliveries import Context, Delivery, OnDelivery
from shared.errors import UnavailableError
from shared.topology import WorkQueue

_CONSUME_ATTEMPTS: Final = 5
_LONGEST_CONTENT_TYPE: Final = 63  # characters; republished, the property must fit 255 bytes

log = structlog.get_logger()


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
            async with reaching_rabbitmq(CONNECT_TIMEOUT_S):
                await self._source.cancel(self._tag)
        except UnavailableError as error:
            log.warning("consumer_not_cancelled", error=str(error))

    async def close(self) -> None:
        """Close the connection; what is not settled goes back to the queue."""
        await self._let_go()
        await self._settle_all()
        await self._connection.close()

    async def _settle_all(self) -> None:
        """Wait until the queue has taken in every acknowledgement.

        Of many at once the broker keeps some waiting, and forgets them with the channel. To ask for a message is the
        only question that the queue answers after all that came before; one that it gives goes back with the channel.
        """
        with suppress(UnavailableError):
            async with reaching_rabbitmq(CONNECT_TIMEOUT_S):
                await self._source.get(fail=False)

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
                self._connection = await connect(aio_pika.connect, self._url, self._name)
                await self._begin()

    async def _begin(self) -> None:
        try:
            async with reaching_rabbitmq(CONNECT_TIMEOUT_S):
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
            async with reaching_rabbitmq(CONNECT_TIMEOUT_S):
                await settling
        except UnavailableError as error:
            log.warning("not_settled", error=str(error), consequence="the broker delivers it again")


def content_type_of(message: AbstractIncomingMessage) -> str | None:
    """The content type as the chain has it: with the encoding, which none of its readers expects."""
    encoded = f"; encoding={message.content_encoding}" if message.content_encoding else ""
    return message.content_type and (message.content_type + encoded)[:_LONGEST_CONTENT_TYPE]


def _delivery(message: AbstractIncomingMessage) -> Delivery:
    return Delivery(
        body=message.body,
        content_type=content_type_of(message),
        context=Context.read(message.headers),
        message_id=message.message_id,
        acknowledger=_AmqpAcknowledger(message),
    )
