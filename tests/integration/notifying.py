"""What tests of the notifier stand on: travellers with devices, notices, a clock, a gateway to hold and to break."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.migrations import migrate
from services.notifier.deciding.policy import Rules
from services.notifier.deciding.recording import Recorder
from services.notifier.deciding.ruling import Ruling
from services.notifier.gateway import Gateway, Outcome, Push, Verdict
from services.notifier.handler import NotificationHandler
from services.notifier.releasing import Releases
from services.notifier.telling.sending import Sender
from services.notifier.usual_prices import UsualPrices
from services.notifier.vetting.vetting import Vetting
from shared.broker.broker import Broker
from shared.databases import open_engine
from shared.deliveries import Context, Delivery, Settlement
from shared.failpoints import Failpoints
from shared.fakes import FakeBroker
from shared.messages.notifications import (
    JSON,
    Expiry,
    Fare,
    Notice,
    Notification,
    encode,
    expiry_id,
    notification_id,
)
from shared.schema.accounts import devices, notifications, preferences, users
from shared.shards import Shards
from shared.topology import Lane
from tests.development_rates import RATES
from tests.private_servers import Servers

NOW = datetime(2026, 10, 1, 23, 59, tzinfo=UTC)
DAY = date(2026, 12, 11)
SENT = Outcome(Verdict.SENT)
FREELY = Rules(cooldown=timedelta(0), caps=False)  # where a test is not about them

FARE = Fare(
    origin="BCN",
    destination="BUD",
    departure_date=DAY,
    cabin="economy",
    stops=0,
    currency="EUR",
    price=8999,
    observed_at=NOW,
    source="test \x00",
)


class Gatekeeper:
    """A gateway that remembers pushes and answers as it is told; it can be held and it can crash."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.pushes: list[Push] = []
        self.calls = 0
        self.outcomes = outcomes
        self.crashes = False
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    @property
    def told(self) -> list[UUID]:
        """The ids of what it pushed, in order; a digest has that of the notification that leads it."""
        return [push.told.id for push in self.pushes]

    async def send(self, pushes: Sequence[Push]) -> Sequence[Outcome]:
        self.entered.set()
        await self.open.wait()
        self.calls += 1
        self.pushes += pushes
        if self.crashes:
            raise RuntimeError("the process ends here")
        return self.outcomes or [SENT] * len(pushes)

    async def close(self) -> None:
        """Nothing is open."""


class Clock:
    """Tells the instant that a test has come to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class NothingToWithhold(Vetting):
    """A vetting that lets everything through: what goes out is then for policy and gateway to say."""

    def __init__(self) -> None:
        """No alert and no board is asked."""

    async def withhold(self, notices: Collection[Notice]) -> dict[UUID, Ruling]:  # noqa: ARG002  # as said above
        return {}


def nothing_is_usual() -> UsualPrices:
    """No shard to ask."""
    return UsualPrices(Shards([]), lambda: NOW)


@dataclass
class Notifier:
    """A notifier's parts, of which a test may exchange some."""

    accounts: AsyncEngine
    gateway: Gateway
    clock: Callable[[], datetime] = lambda: NOW
    vetting: Vetting = field(default_factory=NothingToWithhold)
    broker: Broker = field(default_factory=FakeBroker)
    rules: Rules = FREELY
    failpoints: Failpoints = field(default_factory=lambda: Failpoints(None))
    usual_prices: UsualPrices = field(default_factory=nothing_is_usual)

    def handler(self, lane: Lane = Lane.STANDARD) -> NotificationHandler:
        """What works on a lane."""
        return NotificationHandler(lane, self.vetting, self.recorder, self.sender, self.failpoints)

    @property
    def recorder(self) -> Recorder:
        """What decides."""
        return Recorder(self.accounts, self.broker, self.rules, self.clock, self.failpoints)

    @property
    def sender(self) -> Sender:
        """What sends."""
        return Sender(self.accounts, self.gateway, self.usual_prices, self.clock, self.failpoints)

    @property
    def releases(self) -> Releases:
        """What lets go of what is held."""
        return Releases(self.accounts, self.broker, self.clock, self.failpoints)


class NoBroker:
    """An acknowledger that nobody needs: the handler never settles."""

    lost = False

    async def ack(self) -> None:
        raise AssertionError

    async def hand_back(self) -> None:
        raise AssertionError


@asynccontextmanager
async def migrated_accounts(servers: Servers) -> AsyncIterator[AsyncEngine]:
    """The run's accounts database."""
    url = servers.postgres.url("accounts")
    await migrate(url, [], lambda _: None, today=NOW.date(), rates=RATES)
    engine = open_engine(url, application="tests", pool_size=4)
    yield engine
    await engine.dispose()


@pytest.fixture
async def accounts(servers: Servers) -> AsyncIterator[AsyncEngine]:
    """The same, for the tests that import it."""
    async with migrated_accounts(servers) as engine:
        yield engine


def notifier(accounts: AsyncEngine, gateway: Gateway) -> NotificationHandler:
    """With nothing but a database and a gateway."""
    return Notifier(accounts, gateway).handler()


async def traveller(
    accounts: AsyncEngine, *tokens: str, fids: Sequence[str] = (), wishes: Mapping[str, object] | None = None
) -> UUID:
    """Register a traveller with a device for each token and each installation id, and with preferences."""
    user = uuid4()
    facts = {"user_id": user, "platform": "ios", "locale": "de", "time_zone": "UTC"}
    addresses = [("token", token) for token in tokens] + [("fid", fid) for fid in fids]
    async with accounts.begin() as connection:
        await connection.execute(insert(users).values(id=user, email=f"{user}@example.org", password_hash="-"))
        for kind, address in addresses:
            await connection.execute(insert(devices).values({"id": uuid4(), kind: f"{address}-{user}"} | facts))
        if wishes is not None:
            await connection.execute(insert(preferences).values({"user_id": user, **wishes}))
    return user


def fired(user: UUID, *, at: datetime = NOW, fare: Fare = FARE, route: str = "BCN-BUD") -> Notification:
    """The first firing of a new alert of theirs."""
    alert = uuid4()
    return Notification(
        id=notification_id(alert, 0, 1, f"{fare}", fare.price),
        alert_id=alert,
        user_id=user,
        fire_seq=1,
        fired_at=at,
        route=route,
        fare=fare,
        previous_price=10999,
        reference_price=8999,
        armed_price=9000,
    )


def deeper(notice: Notification, price: int) -> Notification:
    """The next firing of its alert, at another price."""
    return msgspec.structs.replace(
        notice,
        id=notification_id(notice.alert_id, notice.revision, notice.fire_seq + 1, f"{notice.fare}", price),
        fire_seq=notice.fire_seq + 1,
        fare=msgspec.structs.replace(notice.fare, price=price),
        reference_price=price,
        armed_price=price,
    )


def expired(user: UUID) -> Expiry:
    """The end of a new alert of theirs."""
    alert = uuid4()
    return Expiry(
        id=expiry_id(alert, 0),
        alert_id=alert,
        user_id=user,
        revision=0,
        expired_at=NOW,
        route="BCN-BUD",
        departure_from=date(2026, 9, 18),
        departure_to=date(2026, 9, 30),
    )


def delivery(body: bytes) -> Delivery:
    return Delivery(body, JSON, Context(), None, NoBroker())


async def handle(handler: NotificationHandler, *notices: Notice) -> Sequence[Settlement]:
    """Let notices be handled in one call, each in a message of its own."""
    return await handle_messages(handler, *([notice] for notice in notices))


async def handle_messages(handler: NotificationHandler, *messages: Sequence[Notice]) -> Sequence[Settlement]:
    """Let messages be handled in one call."""
    return await handler.handle([delivery(encode(notices)) for notices in messages])


async def row(accounts: AsyncEngine, notice: Notice) -> Row[Any]:
    """All that is written of a notice."""
    async with accounts.connect() as connection:
        return (await connection.execute(select(notifications).where(notifications.c.id == notice.id))).one()


async def recorded(accounts: AsyncEngine, *notices: Notice) -> list[tuple[str, str | None]]:
    """The rows of these notices, as state and reason, in the order of the notices."""
    rows = select(notifications.c.id, notifications.c.state, notifications.c.reason).where(
        notifications.c.id.in_([notice.id for notice in notices])
    )
    order = [notice.id for notice in notices]
    async with accounts.connect() as connection:
        found = sorted(await connection.execute(rows), key=lambda row: order.index(row.id))
    return [(row.state, row.reason) for row in found]
