"""Publishes fare batches, several in flight, each confirmed by the broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pyarrow as pa

from shared.broker import Broker, Outgoing
from shared.messages.batches import ARROW, encode
from shared.messages.fares import FARES
from shared.topology import FARES_INGEST

_IN_FLIGHT: Final = 8


class FarePublisher:
    """Sends batches to `fares.ingest` and counts the fares that are confirmed."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
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
            message = Outgoing(routing_key=FARES_INGEST.name, body=body, content_type=ARROW, headers={"cycle": cycle})
            await self._broker.publish(message)
            self.confirmed += fares
        finally:
            self._slots.release()

    def _raise_failures(self) -> None:
        done = {task for task in self._sending if task.done()}
        self._sending -= done
        for task in done:
            task.result()


@asynccontextmanager
async def fare_publisher(amqp_url: str) -> AsyncIterator[FarePublisher]:
    """A publisher with a connection of its own."""
    broker = await Broker.connect(amqp_url, "fare publisher")
    try:
        yield FarePublisher(broker)
    finally:
        await broker.close()
