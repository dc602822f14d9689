"""Publishes fare batches, several in flight, each confirmed by the broker, and as fast as its queue is worked off."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import pyarrow as pa

from fleet.addresses import Addresses
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.broker.publisher import HeldUpError
from shared.cycles import Stage, Tally, tallying
from shared.messages.batches import ARROW, encode
from shared.messages.fares import FARES
from shared.topology import FARES as FARES_EXCHANGE

_IN_FLIGHT: Final = 8


class FarePublisher:
    """Sends batches to `fares.ingest` and counts the fares that are confirmed.

    Args:
        broker: takes them; while its queue is full or an alarm is in force, we wait for as long as that takes.
        tally: of what is confirmed of each cycle.
        say: is told, in a sentence, once we have waited for some seconds, and when it goes on.
    """

    def __init__(self, broker: Broker, tally: Tally, say: Callable[[str], None]) -> None:
        self._broker = broker
        self._tally = tally
        self._say = say
        self._held_up = False
        self._slots = asyncio.Semaphore(_IN_FLIGHT)
        self._sending: set[asyncio.Task[None]] = set()
        self.confirmed = 0

    async def publish(self, fares: pa.RecordBatch, cycle: str) -> None:
        """Send a batch; waits only while too many are in flight.

        Raises:
            UnavailableError: an earlier batch was not confirmed.
        """
        await self.send(encode(FARES, fares), fares.num_rows, cycle)

    async def send(self, body: bytes, fares: int, cycle: str) -> None:
        """Send an encoded batch of so many fares; as above."""
        await self._slots.acquire()
        self._raise_failures()
        self._sending.add(asyncio.create_task(self._send(body, fares, cycle)))

    async def flush(self) -> None:
        """Wait until every batch is confirmed.

        Raises:
            UnavailableError: one was not.
        """
        if self._sending:
            await asyncio.wait(self._sending)
        self._raise_failures()

    async def _send(self, body: bytes, fares: int, cycle: str) -> None:
        try:
            message = Outgoing("", body, ARROW, exchange=FARES_EXCHANGE.name, headers={"cycle": cycle})
            await self._publish(message)
            self.confirmed += fares
            self._tally.add(cycle, Stage.PUBLISHED, fares)
        finally:
            self._slots.release()

    async def _publish(self, message: Outgoing) -> None:
        while True:
            try:
                await self._broker.publish(message)
            except HeldUpError as error:
                self._tell(f"publishing waits: {error}", held_up=True)
            else:
                return self._tell("publishing goes on", held_up=False)

    def _tell(self, sentence: str, *, held_up: bool) -> None:
        """Say it once, not for every batch in flight."""
        if held_up != self._held_up:
            self._held_up = held_up
            self._say(sentence)

    def _raise_failures(self) -> None:
        done = {task for task in self._sending if task.done()}
        self._sending -= done
        for task in done:
            task.result()


@asynccontextmanager
async def fare_publisher(addresses: Addresses) -> AsyncIterator[FarePublisher]:
    """A publisher with connections of its own, which says on standard error when it has to wait."""
    broker = await Broker.connect(addresses.amqp, "fare publisher")
    try:
        async with tallying(addresses.redis) as tally:
            yield FarePublisher(broker, tally, lambda sentence: print(sentence, file=sys.stderr))
    finally:
        await broker.close()
