"""Asks the alert workers to evaluate an alert that has just been written."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import structlog

from shared import metrics
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.errors import UnavailableError
from shared.messages.evaluations import JSON, Evaluation, encode
from shared.topology import EVALUATIONS

# The traveller waits for it, and the alert is evaluated without it too, only later.
_TIMEOUT_S: Final = 2.0

log = structlog.get_logger()


class Evaluations:
    """Sends the command while RabbitMQ is there; while it is away the alert's `check_at` has to do.

    Args:
        connect: takes as long as RabbitMQ is away.
    """

    def __init__(self, connect: Callable[[], Awaitable[Broker]]) -> None:
        self._connect_broker = connect
        self._broker: Broker | None = None

    @asynccontextmanager
    async def connecting(self) -> AsyncIterator[None]:
        """Connect in the background, and be connected as long as the block runs."""
        connecting = asyncio.create_task(self._connect(), name="connecting to rabbitmq")
        try:
            yield
        finally:
            connecting.cancel()
            await asyncio.wait([connecting])
            if self._broker:
                await self._broker.close()

    async def ask_for(self, alert_id: UUID, route: str) -> None:
        """Ask for the alert's evaluation; a failure is logged and counted."""
        body = encode([Evaluation(alert_id=alert_id, route=route)])
        try:
            await self._publish(Outgoing("", body, JSON, exchange=EVALUATIONS.name))
        except (UnavailableError, TimeoutError) as error:
            metrics.EVALUATIONS_UNSENT.inc()
            log.warning("evaluation_not_sent", alert_id=str(alert_id), error=str(error), consequence="done later")

    async def check(self) -> None:
        """Make sure that RabbitMQ is there and takes what we publish.

        Raises:
            UnavailableError: it is not, or does not.
        """
        self._connected()

    async def _connect(self) -> None:
        self._broker = await self._connect_broker()

    async def _publish(self, message: Outgoing) -> None:
        broker = self._connected()
        async with asyncio.timeout(_TIMEOUT_S):
            await broker.publish(message)

    def _connected(self) -> Broker:
        if self._broker is None or not self._broker.connected:
            raise UnavailableError("rabbitmq", "not connected")
        if self._broker.blocked:
            raise UnavailableError("rabbitmq", "it has blocked us, for an alarm of its memory or disk is in force")
        return self._broker
