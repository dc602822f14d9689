"""A notifier as it is wired: all its lanes, what it releases, what it keeps an eye on, and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.app import serve
from services.notifier.default_partition import watch_default_partition
from services.notifier.settings import NotifierSettings
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.health import Health
from shared.messages.notifications import JSON, Notice, encode, encode_one
from shared.schema.accounts import notifications
from shared.schema.shards import alerts
from shared.shard_map import ShardMap
from shared.topology import NOTIFICATIONS, NOTIFICATIONS_DIGEST, Lane
from tests.integration.conftest import SHARDS, Probe
from tests.integration.notifying import FARE, fired, migrated_accounts, recorded, traveller
from tests.integration.vetting_world import alert_of
from tests.private_servers import Servers

# By the real clock, for the notifier goes by it.
NOW = datetime.now(UTC)
SOON = msgspec.structs.replace(FARE, departure_date=NOW.date() + timedelta(days=30), observed_at=NOW)


class World:
    """A notifier's surroundings."""

    def __init__(self, servers: Servers, shard_urls: list[str], log: Path) -> None:
        self.servers = servers
        self.shard_urls = shard_urls
        self.log = log
        self.health = Health()

    @asynccontextmanager
    async def notifier(self, lanes: tuple[Lane, ...] = tuple(Lane)) -> AsyncIterator[None]:
        """Run a notifier; it ends by itself when it is told to stop, and with no error."""
        stopping = asyncio.Event()
        serving = asyncio.create_task(serve(self._settings(lanes), self.health, stopping))
        try:
            yield
        finally:
            stopping.set()
            await serving

    def _settings(self, lanes: tuple[Lane, ...]) -> NotifierSettings:
        where = {
            "rabbitmq_url": self.servers.rabbitmq.amqp_url,
            "redis_url": self.servers.redis.url,
            "accounts_url": self.servers.postgres.url("accounts"),
            "shard_urls": ",".join(self.shard_urls),
        }
        return NotifierSettings.model_validate(where | {"push_log": self.log, "lanes": lanes})

    async def pushed(self, *notices: Notice) -> list[dict[str, Any]]:
        """The lines of the push log once these are all there."""
        wanted = {str(notice.id) for notice in notices}
        async with asyncio.timeout(20):
            while wanted - {line["notification_id"] for line in self.lines()}:  # noqa: ASYNC110  # nobody tells of it
                await asyncio.sleep(0.05)
        return self.lines()

    def lines(self) -> list[dict[str, Any]]:
        """The lines of the push log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


@pytest.fixture
async def accounts(servers: Servers) -> AsyncIterator[AsyncEngine]:
    async with migrated_accounts(servers) as engine:
        async with engine.begin() as connection:  # what other tests have left held would be released here
            await connection.execute(delete(notifications).where(notifications.c.state == "held"))
        yield engine


@pytest.fixture
def world(servers: Servers, shard_urls: list[str], tmp_path: Path) -> World:
    return World(servers, shard_urls, tmp_path / "pushes.jsonl")


async def known_firing(accounts: AsyncEngine, engines: list[AsyncEngine]) -> Notice:
    """A firing of an alert that is on its shard."""
    notice = fired(await traveller(accounts, "phone"), at=NOW, fare=SOON)
    async with engines[ShardMap.even(len(SHARDS)).shard_of(notice.route)].begin() as connection:
        await connection.execute(insert(alerts).values(alert_of(notice)))
    return notice


async def publish(broker: Broker, lane: Lane, notice: Notice) -> None:
    await broker.publish(Outgoing(lane.value, encode([notice]), JSON, exchange=NOTIFICATIONS.name))


async def hold(accounts: AsyncEngine, notice: Notice) -> None:
    """Let a notice be held for a digest that is due."""
    held = {
        "id": notice.id,
        "fired_on": notice.day,
        "user_id": notice.user_id,
        "alert_id": notice.alert_id,
        "content": msgspec.json.decode(encode_one(notice).replace(b"\\u0000", b"")),
        "state": "held",
        "reason": "digest",
        "release_at": NOW - timedelta(minutes=1),
    }
    async with accounts.begin() as connection:
        await connection.execute(insert(notifications).values(held))


async def test_one_notifier_works_on_all_lanes(
    world: World, accounts: AsyncEngine, shard_engines: list[AsyncEngine], broker: Broker
) -> None:
    notices = [await known_firing(accounts, shard_engines) for _ in Lane]
    for lane, notice in zip(Lane, notices, strict=True):
        await publish(broker, lane, notice)
    async with world.notifier():
        lines = await world.pushed(*notices)
    assert len(lines) == len(notices)
    assert await recorded(accounts, *notices) == [("sent", None)] * len(notices)


async def test_a_lane_that_it_is_not_to_work_on_is_left_to_others(
    world: World, accounts: AsyncEngine, shard_engines: list[AsyncEngine], broker: Broker, probe: Probe
) -> None:
    urgent, digest = [await known_firing(accounts, shard_engines) for _ in range(2)]
    await publish(broker, Lane.DIGEST, digest)
    await publish(broker, Lane.URGENT, urgent)
    async with world.notifier((Lane.URGENT, Lane.STANDARD)):
        await world.pushed(urgent)
    assert (await probe.next(NOTIFICATIONS_DIGEST.name)).body == encode([digest])
    assert await recorded(accounts, digest) == []


async def test_what_is_held_and_due_is_released_and_told(
    world: World, accounts: AsyncEngine, shard_engines: list[AsyncEngine], probe: Probe
) -> None:
    assert probe
    notice = await known_firing(accounts, shard_engines)
    await hold(accounts, notice)
    async with world.notifier():
        (line,) = await world.pushed(notice)
    assert line["kind"] == "digest"
    assert await recorded(accounts, notice) == [("sent", None)]


async def test_notifications_without_a_partition_of_their_day_raise_an_alarm(
    accounts: AsyncEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    of_no_day = {
        "id": (notice := fired(await traveller(accounts))).id,
        "fired_on": NOW.date() - timedelta(days=10_000),
        "user_id": notice.user_id,
        "alert_id": notice.alert_id,
        "content": {},
    }
    await watch_default_partition(accounts)
    before = REGISTRY.get_sample_value("farelark_notifications_in_default_partition") or 0
    async with accounts.begin() as connection:
        await connection.execute(insert(notifications).values(of_no_day))
    try:
        await watch_default_partition(accounts)
        assert REGISTRY.get_sample_value("farelark_notifications_in_default_partition") == before + 1
        assert "notifications_in_default_partition" in capsys.readouterr().out
    finally:
        async with accounts.begin() as connection:
            await connection.execute(delete(notifications).where(notifications.c.id == notice.id))
