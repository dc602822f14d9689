"""Whether pushes may leave: an SRE stops and starts them for the whole fleet, by a row of the accounts database.

While they are stopped nothing is in hand. The consumers are cancelled, since RabbitMQ takes a message away from who
keeps it for half an hour, and counts that against it. What was in work hands its notices back, queued as before, and
what is held stays held. Until the switch has been read for the first time nothing is taken either.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import metrics
from shared.consumer import Consumer
from shared.databases import reaching
from shared.health import Health
from shared.schema.accounts import push_stops

EVERY_S: Final = 1.0

_IN_FORCE: Final = select(push_stops).where(push_stops.c.started_at.is_(None))

log = structlog.get_logger()


class PushSwitch:
    """The switch as one notifier sees it.

    Args:
        health: stays ready while pushes are stopped, for there is nothing that a restart would mend.
    """

    def __init__(self, health: Health) -> None:
        self._health = health
        self._open = asyncio.Event()
        self._shut = asyncio.Event()
        self._shut.set()
        self._in_force = False

    @property
    def shut(self) -> bool:
        """Whether no push may leave."""
        return self._shut.is_set()

    async def look(self, accounts: AsyncEngine) -> None:
        """Follow the switch as it stands in the accounts database.

        Raises:
            UnavailableError: the database is away; the switch stays as it was, and nothing can be sent anyway.
        """
        if stop := await _in_force(accounts):
            self._stop(stop)
        else:
            self._start()

    async def consume(self, make: Callable[[], Consumer], stopping: asyncio.Event) -> None:
        """Let a consumer work whenever the switch is open, until the event is set."""
        while await self._opens_before(stopping):
            await make().run(stopping, self._shut)
            self._health.back()

    async def once_open(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do some work as soon as the switch is open."""
        await self._open.wait()
        await work()

    def _stop(self, stop: Row[Any]) -> None:
        self._open.clear()
        self._shut.set()
        self._health.started = True
        metrics.PUSHES_STOPPED.set(1)
        if not self._in_force:
            log.warning("pushes_stopped", by=stop.stopped_by, reason=stop.reason, since=stop.stopped_at.isoformat())
        self._in_force = True

    def _start(self) -> None:
        self._shut.clear()
        self._open.set()
        metrics.PUSHES_STOPPED.set(0)
        if self._in_force:
            log.info("pushes_started")
        self._in_force = False

    async def _opens_before(self, stopping: asyncio.Event) -> bool:
        """Wait for the switch to be open or the event to be set; gives whether there is work to do."""
        waits = [asyncio.create_task(event.wait()) for event in (self._open, stopping)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return not stopping.is_set()


@reaching("accounts")
async def _in_force(accounts: AsyncEngine) -> Row[Any] | None:
    async with accounts.connect() as connection:
        return (await connection.execute(_IN_FORCE)).one_or_none()
