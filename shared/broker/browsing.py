"""Looking through a queue without emptying it, and taking single messages out.

Messages come through consumers, ten times as fast as by asking for one after the other. Each stays in our hands until
the look is over, so that none comes twice. Then the channel is closed, and what was not taken out lies in its queue as
before: a broker gives back what up to 32 consumers held in the order of their names, so they are named in order, and
few. What one consumer may hold bounds the bodies in memory.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aiormq.abc import AbstractChannel as UnderlayChannel
from pamqp.commands import Queue

from shared.amqp_decoding import guard_decoder
from shared.broker.links import CONNECT_TIMEOUT_S, connect_once, reaching_rabbitmq
from shared.broker.subscription import content_type_of
from shared.errors import UnavailableError

_FIRST_WINDOW: Final = 100  # messages, before their size is known
_WINDOW_BYTES: Final = 64 * 1024**2
_LARGEST_WINDOW: Final = 10_000
_SILENCE_S: Final = 0.5
_PATIENCE_S: Final = 30.0  # with a queue that is giving back a hundred thousand messages to somebody else


@dataclass(frozen=True, slots=True)
class Seen:
    """A message that is being looked at."""

    body: bytes
    content_type: str | None
    message_id: str | None
    headers: Mapping[str, Any]
    tag: int


class Look:
    """One look at the messages that were ready in a queue when it began.

    Attributes:
        ready: how many these were.
        shared: whether somebody else has messages of the queue in hand, which are not seen here.
    """

    def __init__(self, queue: str, found: Queue.DeclareOk, channel: AbstractChannel, underlay: UnderlayChannel) -> None:
        self.ready = found.message_count or 0
        self.shared = bool(found.consumer_count)
        self._queue = queue
        self._channel = channel
        self._underlay = underlay
        self._arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        self._consumers: list[str] = []
        self._credit = 0  # how many messages the broker may still send us
        self._seen = 0
        self._bytes = 0

    async def messages(self) -> AsyncIterator[Seen]:
        """Every message, held; fewer than there were if somebody else takes some meanwhile.

        Raises:
            UnavailableError: the link is lost; what was not taken out is in the queue.
        """
        while self._seen < self.ready:
            if not self._credit:
                await self._consume()
            message = await self._next()
            if message is None:
                return
            self._credit -= 1
            self._seen += 1
            self._bytes += len(message.body)
            yield _seen(message)

    async def take_out(self, seen: Seen) -> None:
        """Remove a message from the queue.

        Raises:
            UnavailableError: the link is lost; the message is still there.
        """
        async with reaching_rabbitmq(CONNECT_TIMEOUT_S):
            await self._underlay.basic_ack(seen.tag)
        self._credit += 1

    async def end(self) -> None:
        """Give back what was not taken out.

        Of many acknowledgements at once the broker keeps some waiting, and forgets them with the channel. Each consumer
        is cancelled first, which the queue answers after all that came before.
        """
        async with reaching_rabbitmq(_PATIENCE_S):
            for consumer in self._consumers:
                await self._underlay.basic_cancel(consumer)
            await self._channel.close()

    async def _consume(self) -> None:
        """Let one more consumer hold so many."""
        window = self._window()
        async with reaching_rabbitmq(_PATIENCE_S):
            await self._channel.set_qos(prefetch_count=window)
            source = await self._channel.get_queue(self._queue, ensure=False)
            tag = await source.consume(self._arrived.put, consumer_tag=f"look {len(self._consumers):08}")
        self._consumers.append(tag)
        self._credit += window

    def _window(self) -> int:
        if not self._seen:
            return _FIRST_WINDOW
        fitting = _WINDOW_BYTES * self._seen // max(self._bytes, 1)
        return min(max(fitting, 1), _LARGEST_WINDOW)

    async def _next(self) -> AbstractIncomingMessage | None:
        """The next message; None where others have taken what was left, so that nothing comes though all is well."""
        drained = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_SILENCE_S):
                    return await self._arrived.get()
            if drained:
                return None
            async with reaching_rabbitmq(_PATIENCE_S):
                drained = not (await _declared(self._channel, self._queue)).message_count


class Browser:
    """A connection to look through queues with."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def look_through(self, queue: str) -> AsyncIterator[Look]:
        """Look through a queue for as long as the block lasts; then all that was not taken out goes back.

        Raises:
            UnavailableError: the queue is not there or has no leader, or the link is lost.
        """
        look = await self._begin(queue)
        try:
            yield look
        finally:
            await look.end()

    async def _begin(self, queue: str) -> Look:
        try:
            async with reaching_rabbitmq(_PATIENCE_S):
                channel = await self._connection.channel()
                found = await _declared(channel, queue)
                return Look(queue, found, channel, await channel.get_underlay_channel())
        except UnavailableError as error:
            raise UnavailableError("rabbitmq", f"cannot look through {queue}: {error.__cause__!r}") from error


@asynccontextmanager
async def browsing(url: str, name: str) -> AsyncIterator[Browser]:
    """A browser for as long as the block lasts.

    Raises:
        UnavailableError: the broker is not there; who looks can do so later.
    """
    guard_decoder()
    async with reaching_rabbitmq(CONNECT_TIMEOUT_S):
        connection = await connect_once(aio_pika.connect, url, name)
    try:
        yield Browser(connection)
    finally:
        await connection.close()


async def _declared(channel: AbstractChannel, queue: str) -> Queue.DeclareOk:
    """What is ready in a queue and how many consume it, by its leader's word."""
    found = await channel.declare_queue(queue, passive=True)
    return found.declaration_result


def _seen(message: AbstractIncomingMessage) -> Seen:
    assert message.delivery_tag is not None, "the broker gives each delivery one"
    return Seen(message.body, content_type_of(message), message.message_id, message.headers, message.delivery_tag)
