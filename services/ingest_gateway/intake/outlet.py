"""The way to the price workers, of which somebody asks at any time whether it is open.

RabbitMQ is connected to in the background: while it is away the gateway works all the same. A batch is refused at once
where it is known that nothing gets through; where that shows only when one is sent (its queue is full, no confirm
comes), a circuit breaker remembers it. Each lane has one of its own, for a full queue of the one is no concern of the
other.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from services.ingest_gateway.intake.batches import Batch
from shared.breaker import Breaker
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.broker.publisher import Patience
from shared.deliveries import Context
from shared.errors import UnavailableError
from shared.fare_lanes import EXCHANGES, Lane
from shared.messages.batches import ARROW
from shared.periodic import end
from shared.tracing import publishing

# Somebody waits for the answer, and there is the spool.
PATIENCE: Final = Patience(trying=1.0, confirm=3.0)
_SHORTEST_S: Final = 1.0
_LONGEST_S: Final = 5.0


class Outlet:
    """Publishes batches to their lanes' exchanges.

    Args:
        connect: takes as long as RabbitMQ is away.
    """

    def __init__(self, connect: Callable[[], Awaitable[Broker]]) -> None:
        self._connect_broker = connect
        self._broker: Broker | None = None
        self._breakers = {
            lane: Breaker(f"rabbitmq_{lane}", failures=1, shortest=_SHORTEST_S, longest=_LONGEST_S) for lane in Lane
        }

    @asynccontextmanager
    async def connecting(self) -> AsyncIterator[None]:
        """Connect in the background, and be connected as long as the block runs."""
        async with asyncio.TaskGroup() as group:  # what it cannot wait for, such as a senseless address, is fatal
            connecting = group.create_task(self._connect(), name="connecting to rabbitmq")
            try:
                yield
            finally:
                await end([connecting])
                if self._broker:
                    await self._broker.close()

    @property
    def connected(self) -> bool:
        """Whether RabbitMQ is there."""
        return self._broker is not None and self._broker.connected

    @property
    def blocked(self) -> bool:
        """Whether RabbitMQ, for an alarm, takes nothing that we publish."""
        return self._broker is not None and self._broker.blocked

    def open(self, lane: Lane) -> bool:
        """Whether a batch may get through, as far as is known."""
        return self.connected and not self.blocked and not self._breakers[lane].refuses

    async def publish(self, batch: Batch) -> None:
        """Publish and wait until the broker has confirmed that the batch is safe in its queue.

        Raises:
            UnavailableError: it is not confirmed; it may have landed all the same.
        """
        broker = self._reached()
        exchange = EXCHANGES[batch.lane].name
        headers = Context(cycle=batch.cycle).headers()
        async with self._breakers[batch.lane].guard():
            with publishing(exchange, batch.fares):
                await broker.publish(Outgoing("", batch.body, ARROW, exchange=exchange, headers=headers))

    async def _connect(self) -> None:
        self._broker = await self._connect_broker()

    def _reached(self) -> Broker:
        if self._broker is None or not self._broker.connected:
            raise UnavailableError("rabbitmq", "not connected")
        if self._broker.blocked:
            raise UnavailableError("rabbitmq", "it has blocked us, for an alarm of its memory or disk is in force")
        return self._broker
