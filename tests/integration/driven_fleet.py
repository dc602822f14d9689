"""The fleet without its processes: its real handlers on real servers, and the messages between them in a list.

Whoever drives it chooses which message is handled next, how often, and at which failpoint the handler ends.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.rates.loading import load_rates
from fleet.shards.moving import move_bucket
from services.alert_worker.claiming import Claims
from services.alert_worker.commands import CommandsHandler
from services.alert_worker.evaluations import Evaluator
from services.alert_worker.expiry import Expiry
from services.alert_worker.handler import ChangesHandler
from services.notifier.gateway import Outcome, Push, Verdict
from services.notifier.vetting.alerts import AlertReader
from services.notifier.vetting.boards import FareReader
from services.notifier.vetting.vetting import Vetting
from services.price_worker.handler import FaresHandler
from shared.alerts.available_fares import AvailableFares
from shared.alerts.rules import CHECK_AFTER
from shared.broker.outgoing import Outgoing
from shared.consumer import Handler
from shared.conversion import ReferenceAmounts
from shared.deliveries import Done, Park, Retry
from shared.failpoints import Failpoints
from shared.fakes import FakeBroker
from shared.messages.notifications import Notification
from shared.money import Rates
from shared.rates.in_redis import RatesInRedis
from shared.schema.accounts import notifications
from shared.schema.shards import alerts as alerts_table
from shared.schema.shards import shard_state
from shared.shard_map import ShardMap, bucket_of
from shared.shards import Shards
from shared.topology import CHANGES, EVALUATIONS, FARES_INGEST
from tests.integration.alert_world import LIFETIME, START
from tests.integration.crashing import CrashError, Crashing
from tests.integration.driven_messages import Handled, Message, delivery_of, messages_of
from tests.integration.fleet_servers import Servers
from tests.integration.notifying import Notifier

MOST = 1_000
ROUTES = ("NYC-LON", "NYC-PAR")


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


class Phones:
    """A gateway that remembers what it pushed."""

    def __init__(self) -> None:
        self.pushes: list[Push] = []

    @property
    def prices(self) -> list[int]:
        """The quoted prices of the firings that it told of, in order."""
        return [push.told.fare.price for push in self.pushes if isinstance(push.told, Notification)]

    async def send(self, pushes: Sequence[Push]) -> Sequence[Outcome]:
        self.pushes += pushes
        return [Outcome(Verdict.SENT)] * len(pushes)

    async def close(self) -> None:
        """Nothing is open."""


class HoldingBroker(FakeBroker):
    """Confirms nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()

    async def publish(self, message: Outgoing) -> None:
        await super().publish(message)
        self.asked.set()
        await self.let_go.wait()


@dataclass
class Fleet:
    servers: Servers
    price_rates: Rates
    clock: Clock = field(default_factory=Clock)
    phones: Phones = field(default_factory=Phones)

    def __post_init__(self) -> None:
        self.shards = Shards(self.servers.engines)
        self.notifier_shards = Shards(self.servers.engines)

    async def handle(self, message: Message, failpoint: str = "") -> Handled:
        """Handle a message by itself, up to a failpoint if there is one."""
        broker = FakeBroker()
        crashed, settlement = False, None
        try:
            (settlement,) = await self._handler(message.queue, broker, failpoints_at(failpoint))([delivery_of(message)])
        except CrashError:
            crashed = True
        published = messages_of(broker)
        if crashed:
            return Handled(published, message, crashed=True)
        if isinstance(settlement, Retry | Park):
            again = replace(message, attempt=message.attempt + 1)
            if settlement.body is not None:
                again = replace(again, body=settlement.body, content_type=settlement.content_type or "")
            return Handled(published, again, settlement.reason)
        assert settlement == Done(), f"{message.queue}: {settlement}"
        return Handled(published)

    async def begin(self, message: Message) -> "HeldWorker":
        """Let a price worker take on a batch up to the confirm of its changes, as long as that takes."""
        broker = HoldingBroker()
        handling = asyncio.create_task(self._prices(broker, Failpoints(None))([delivery_of(message)]))
        asked = asyncio.create_task(broker.asked.wait())
        await asyncio.wait([handling, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        return HeldWorker(broker, handling, messages_of(broker))

    async def sweep(self, shard: int, failpoint: str = "") -> tuple[dict[UUID, bool], Handled]:
        """Evaluate once more what is due; returns it, too, and of each alert whether it was written just before."""
        broker = FakeBroker()
        crashed = False
        due = await self._due(shard)
        try:
            await self._evaluator(broker, failpoints_at(failpoint)).once_more(shard, MOST)
        except CrashError:
            crashed = True
        return due, Handled(messages_of(broker), crashed=crashed)

    async def _due(self, shard: int) -> dict[UUID, bool]:
        wanted = select(alerts_table).where(alerts_table.c.check_at <= self.clock())
        async with self.servers.engines[shard].connect() as connection:
            rows = (await connection.execute(wanted)).all()
        return {row.id: row.check_at <= row.updated_at + CHECK_AFTER for row in rows}

    async def expire(self, shard: int, failpoint: str = "") -> Handled:
        """End what is over."""
        broker = FakeBroker()
        crashed = False
        try:
            await Expiry(Claims(broker, failpoints_at(failpoint)), self.shards, self.clock).expire(shard, MOST)
        except CrashError:
            crashed = True
        return Handled(messages_of(broker), crashed=crashed)

    async def move(self, route: str) -> None:
        """Move a route's bucket to the other shard, or finish a move that was cut short."""
        target = 1 - (await self.in_force()).shard_of(route)
        await move_bucket(self.servers.urls, bucket_of(route), target, lambda _: None, Failpoints(None))

    async def load(self, rates: Rates, *, heard: bool) -> None:
        """Load rates; price workers hear of them at once, or later."""
        # The workers' clock is ahead of the databases', by which rates come into use.
        told = update(alerts_table).values(last_fired_at=func.now()).where(alerts_table.c.last_fired_at > func.now())
        for engine in self.servers.engines:
            async with engine.begin() as connection:
                await connection.execute(told)
        published = RatesInRedis(self.servers.redis_url)
        await load_rates(rates, self.servers.urls, published, lambda _, __: None)
        await published.close()
        if heard:
            self.price_rates = rates

    async def flush(self) -> None:
        """Lose all boards."""
        await self.servers.redis.flushall()

    async def rows(self) -> list[Row[Any]]:
        """Every alert on every shard."""
        found: list[Row[Any]] = []
        for engine in self.servers.engines:
            async with engine.connect() as connection:
                found += (await connection.execute(select(alerts_table))).all()
        return found

    async def told(self) -> dict[UUID, Row[Any]]:
        """What is recorded of notifications, by id."""
        wanted = select(notifications).where(notifications.c.user_id == self.servers.traveller)
        async with self.servers.accounts.connect() as connection:
            rows = list(await connection.execute(wanted))
        told = {row.id: row for row in rows}
        assert len(told) == len(rows), "a notification is recorded twice"
        return told

    async def routes_of(self, shard: int) -> set[str]:
        """The routes that a shard holds."""
        in_force = await self.in_force()
        return {route for route in ROUTES if in_force.shard_of(route) == shard}

    async def in_force(self) -> ShardMap:
        """The newest map."""
        states = [await self._state(engine) for engine in self.servers.engines]
        newest = max(states, key=lambda state: state.map_version)
        return ShardMap(newest.map_version, tuple(newest.shards))

    async def reach(self) -> dict[str, float]:
        """By route, how far rates can have lifted armed prices in its shard."""
        reaches = [(await self._state(engine)).reach for engine in self.servers.engines]
        in_force = await self.in_force()
        return {route: reaches[in_force.shard_of(route)] for route in ROUTES}

    async def _state(self, engine: AsyncEngine) -> Row[Any]:
        async with engine.connect() as connection:
            return (await connection.execute(select(shard_state))).one()

    def _handler(self, queue: str, broker: FakeBroker, failpoints: Failpoints) -> Handler:
        claims = Claims(broker, failpoints)
        match queue:
            case FARES_INGEST.name:
                return self._prices(broker, failpoints)
            case CHANGES.name:
                return ChangesHandler(claims, self.shards, self.clock)
            case EVALUATIONS.name:
                return CommandsHandler(self._evaluator(broker, failpoints), self.shards)
            case _:
                vetting = Vetting(AlertReader(self.notifier_shards), FareReader(self.servers.boards), self.clock)
                notifier = Notifier(
                    self.servers.accounts, self.phones, self.clock, vetting, broker, failpoints=failpoints
                )
                return notifier.handler().handle

    def _prices(self, broker: FakeBroker, failpoints: Failpoints) -> FaresHandler:
        amounts = ReferenceAmounts(self.price_rates)
        return FaresHandler(broker, self.servers.boards, lambda: amounts, LIFETIME, failpoints, self.clock)

    def _evaluator(self, broker: FakeBroker, failpoints: Failpoints) -> Evaluator:
        available = AvailableFares(self.servers.boards, LIFETIME, self.clock)
        return Evaluator(Claims(broker, failpoints), self.shards, available, busy=lambda: False)


@dataclass
class HeldWorker:
    """A price worker between its publish and the write of its boards; one with nothing to say has gone through."""

    broker: HoldingBroker
    handling: "asyncio.Task[Any]"
    published: list[Message]

    async def finish(self) -> list[Message]:
        """Confirm, and let it write its boards. Returns what it publishes thereafter."""
        self.broker.let_go.set()
        assert await self.handling == [Done()]
        return messages_of(self.broker)[len(self.published) :]


def failpoints_at(name: str) -> Failpoints:
    return Crashing(name) if name else Failpoints(None)
