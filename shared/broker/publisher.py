"""Publishing with confirms, at the pace of the broker.

What the broker cannot take now is no failure yet: a queue that is full refuses a message, an alarm of the broker's
memory or disk keeps it from reading anything that we write, and while too many messages are unconfirmed no further one
leaves. A publish waits through each of these for a while. Then it gives up, the work behind it stays in hand and comes
again: so a full queue slows down whoever fills it, and whoever fills the queue of that one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple, Self

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractRobustChannel, AbstractRobustConnection
from aio_pika.exceptions import DeliveryError, PublishError
from prometheus_client import Counter

from shared import metrics
from shared.backoff import Backoff
from shared.broker.links import connect, reaching_rabbitmq
from shared.broker.outgoing import Outgoing
from shared.errors import UnavailableError

PATIENCE_S: Final = 10.0  # from being asked to publish to the last try
CONFIRM_TIMEOUT_S: Final = 10.0  # from a message's leaving to its confirm
UNCONFIRMED: Final = 500  # messages in flight at once: the deadline of one must not run while it queues here
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0


class Patience(NamedTuple):
    """How long a publisher waits, in seconds, before it gives a message up.

    Attributes:
        trying: from being asked to publish to the last try.
        confirm: from a message's leaving to its confirm.
    """

    trying: float
    confirm: float


class HeldUpError(UnavailableError):
    """The broker is there and takes nothing for now: a queue is full, or an alarm is in force. Nothing has landed."""


class Outcome(StrEnum):
    """What became of a message that left."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"  # a queue is full
    RETURNED = "returned"  # it leads to no queue
    UNKNOWN = "unknown"  # no confirm: it may have landed


class Publisher:
    """One process's connection for publishing; it is made anew when it is lost."""

    def __init__(
        self, connection: AbstractRobustConnection, channel: AbstractRobustChannel, patience: Patience | None
    ) -> None:
        self._connection = connection
        self._channel = channel
        self._chosen_patience = patience
        self._slots = asyncio.Semaphore(UNCONFIRMED)

    @classmethod
    async def connect(cls, url: str, name: str, patience: Patience | None = None) -> Self:
        """Connect, waiting as long as it takes for the broker to be there.

        Args:
            url: of the broker.
            name: under which its administrator sees the connection.
            patience: of whoever has somewhere else to go; a worker has the usual one.
        """
        connection = await connect(aio_pika.connect_robust, url, f"{name} publishing")
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        assert isinstance(channel, AbstractRobustChannel)
        return cls(connection, channel, patience)

    @property
    def connected(self) -> bool:
        """Whether there is a live connection."""
        return self._connection.connected.is_set()

    @property
    def blocked(self) -> bool:
        """Whether the broker has blocked us. It blocks who publishes during an alarm, and no one else."""
        return _is_blocked(self._connection)

    @property
    def _patience(self) -> Patience:
        return self._chosen_patience or Patience(PATIENCE_S, CONFIRM_TIMEOUT_S)

    async def publish(self, message: Outgoing) -> None:
        """Publish and wait until the broker has confirmed that the message is safe in a queue.

        Raises:
            HeldUpError: the broker has taken nothing for as long as we are patient.
            UnavailableError: it is not confirmed; it may have landed all the same.
        """
        last_try = asyncio.get_running_loop().time() + self._patience.trying
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while obstacle := await self._try(message, last_try):
            if asyncio.get_running_loop().time() >= last_try:
                raise obstacle
            await backoff.pause()

    async def close(self) -> None:
        """Close the connection; one that is blocked takes two seconds, for the broker does not hear us."""
        await self._connection.close()

    async def _try(self, message: Outgoing, last_try: float) -> UnavailableError | None:
        """Publish if that can be done now; gives what is in the way of it."""
        async with self._slot(last_try):
            if not self.connected:
                return UnavailableError("rabbitmq", "not connected")
            if self.blocked:
                return HeldUpError("rabbitmq", "it has blocked us, for an alarm of its memory or disk is in force")
            if await self._publish(message) is Outcome.REFUSED:
                return HeldUpError("rabbitmq", f"a queue of the exchange {message.exchange or 'by default'!r} is full")
        return None

    @asynccontextmanager
    async def _slot(self, last_try: float) -> AsyncIterator[None]:
        """One of the places of messages in flight; nobody waits for it longer than until the last try."""
        try:
            async with asyncio.timeout_at(last_try):
                await self._slots.acquire()
        except TimeoutError:
            raise HeldUpError("rabbitmq", f"{UNCONFIRMED} messages are not confirmed yet") from None
        try:
            yield
        finally:
            self._slots.release()

    async def _publish(self, message: Outgoing) -> Outcome:
        """Publish once; gives whether it was confirmed or refused.

        Raises:
            UnavailableError: neither.
        """
        outcome = Outcome.UNKNOWN  # also where nobody waits for it any more
        try:
            with metrics.PUBLISH_SECONDS.time():
                async with reaching_rabbitmq(self._patience.confirm):
                    exchange = await self._channel.get_exchange(message.exchange, ensure=False)
                    await exchange.publish(message.to_amqp(), message.routing_key, mandatory=True)
            outcome = Outcome.CONFIRMED
        except UnavailableError as error:
            outcome = _outcome_of(error)
            if outcome is not Outcome.REFUSED:
                raise
        finally:
            _counters(message.exchange)[outcome].inc()
        return outcome


def _is_blocked(connection: AbstractConnection) -> bool:
    """Tell what aiormq keeps to itself: its `ready` waits until the broker has unblocked the connection."""
    transport = connection.transport
    if transport is None or transport.connection.is_closed:
        return False
    waiting = transport.connection.ready()
    try:
        waiting.send(None)
    except StopIteration:
        return False
    waiting.close()
    return True


def _outcome_of(error: UnavailableError) -> Outcome:
    match error.__cause__:
        case PublishError():
            return Outcome.RETURNED
        case DeliveryError():
            return Outcome.REFUSED
        case _:
            return Outcome.UNKNOWN


@cache
def _counters(exchange: str) -> dict[Outcome, Counter]:
    """Of each outcome, so that all count from zero and not from the first."""
    return {outcome: metrics.PUBLISHES.labels(exchange, outcome.value) for outcome in Outcome}
