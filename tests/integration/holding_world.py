"""A notifier that keeps to the rules, what it holds and releases, at an instant that tests move on."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.deciding.policy import Rules
from shared.deliveries import Done, Settlement
from shared.failpoints import Failpoints
from shared.fakes import FakeBroker
from shared.messages.notifications import Notice, Notification, decode
from shared.schema.accounts import notifications
from shared.topology import NOTIFICATIONS, Lane
from tests.integration.notifying import NOW, Clock, Gatekeeper, Notifier, delivery, handle, migrated_accounts
from tests.private_servers import Servers

CAREFULLY = Rules(cooldown=timedelta(minutes=15))
MORNING = datetime(2026, 10, 2, 7, 30, tzinfo=UTC)
QUIET = {"quiet_from": time(22), "quiet_to": time(7)}
DAILY = {"digest_at": time(7)}


class World:
    """A notifier that keeps to the rules, at an instant that tests move on."""

    def __init__(self, accounts: AsyncEngine) -> None:
        self.accounts = accounts
        self.gateway = Gatekeeper()
        self.clock = Clock(NOW)
        self.broker = FakeBroker()
        self.failpoints = Failpoints(None)

    @property
    def notifier(self) -> Notifier:
        return Notifier(
            self.accounts,
            self.gateway,
            self.clock,
            broker=self.broker,
            rules=CAREFULLY,
            failpoints=self.failpoints,
        )

    async def handle(self, *notices: Notification, lane: Lane = Lane.STANDARD) -> Sequence[Settlement]:
        return await handle(self.notifier.handler(lane), *notices)

    async def released(self) -> list[tuple[str, list[UUID]]]:
        """Release what is due; gives the lane and the notifications of each message."""
        self.broker.published.clear()
        await self.notifier.releases.release()
        assert {message.exchange for message in self.broker.published} <= {NOTIFICATIONS.name}
        return [
            (message.routing_key, ids(*decode(message.body, message.content_type).notices))
            for message in self.broker.published
        ]

    async def come_back(self) -> None:
        """Let what was released last be handled in its lanes."""
        for message in self.broker.published:
            lane = Lane(message.routing_key)
            assert await self.notifier.handler(lane).handle([delivery(message.body)]) == [Done()]


def ids(*notices: Notice) -> list[UUID]:
    return sorted(notice.id for notice in notices)


@asynccontextmanager
async def holding_world(servers: Servers) -> AsyncIterator[World]:
    """Such a notifier; nothing is held yet."""
    async with migrated_accounts(servers) as accounts:
        async with accounts.begin() as connection:  # what other tests have left held would be released here
            await connection.execute(delete(notifications).where(notifications.c.state == "held"))
        yield World(accounts)
