"""Wires the notifier."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.deciding.recording import Recorder
from services.notifier.default_partition import EVERY_S as LOOK_EVERY_S
from services.notifier.default_partition import watch_default_partition
from services.notifier.fcm.firebase import FirebaseGateway
from services.notifier.fcm.pacing import FleetPacer
from services.notifier.fcm.schedule import PushSchedule
from services.notifier.gateway import Gateway
from services.notifier.handler import NOTICES_AT_ONCE, NotificationHandler
from services.notifier.push_log import PushLog
from services.notifier.push_switch import EVERY_S as FOLLOW_EVERY_S
from services.notifier.push_switch import PushSwitch
from services.notifier.releasing import EVERY_S as RELEASE_EVERY_S
from services.notifier.releasing import Releases
from services.notifier.settings import NotifierSettings
from services.notifier.telling.sending import Sender
from services.notifier.usual_prices import UsualPrices
from services.notifier.vetting.alerts import AlertReader
from services.notifier.vetting.boards import FareReader
from services.notifier.vetting.vetting import Vetting
from shared.broker.broker import Broker
from shared.consumer import Consumer, by_route
from shared.cycles import Tally, tallying
from shared.databases import open_engine
from shared.errors import ConfigurationError
from shared.failpoints import Failpoints
from shared.fare_boards.store import BoardStore
from shared.health import Health
from shared.periodic import Periodic, running
from shared.shards import Shards, refresh_on_hangup
from shared.topology import LANES

APPLICATION: Final = "farelark-notifier"  # what the databases see us as
# Small messages are put together, and of full ones a call takes no more than one transaction's worth of notices:
# another call goes on with the rest meanwhile.
BATCH_SIZE: Final = 100
BATCH_BYTES: Final = NOTICES_AT_ONCE * 600


class Servers(NamedTuple):
    """What the notifier is connected to, beside FCM."""

    accounts: AsyncEngine
    shards: Shards
    boards: BoardStore
    broker: Broker


async def serve(settings: NotifierSettings, health: Health, stopping: asyncio.Event) -> None:
    """Notify until the event is set; connections are closed in the opposite order of their opening."""
    async with AsyncExitStack() as closing:
        switch = PushSwitch(health)
        gateway = open_gateway(settings, closing, lambda: switch.shut)
        servers = await _connect(settings, closing)
        health.require("rabbitmq", lambda: servers.broker.connected)
        health.require("rabbitmq_alarm", lambda: not servers.broker.blocked)
        tally = await closing.enter_async_context(tallying(settings.redis_url))
        consumers = _consumers(settings, servers, gateway, health, tally)
        async with running(_periodic(settings, servers, switch)), asyncio.TaskGroup() as working:
            for consumer in consumers:
                working.create_task(switch.consume(consumer, stopping))


async def _connect(settings: NotifierSettings, closing: AsyncExitStack) -> Servers:
    # Each batch in work and each periodic work takes one connection at a time.
    calls = sum(settings.concurrency_of(lane) for lane in settings.lanes)
    prepared = settings.prepared_statements
    accounts = open_engine(
        settings.accounts_url, name="accounts", application=APPLICATION, pool_size=calls + 3, prepared=prepared
    )
    closing.push_async_callback(accounts.dispose)
    shards = Shards.at(settings.shards, application=APPLICATION, pool_size=calls, prepared=prepared)
    refresh_on_hangup(shards)
    closing.push_async_callback(shards.close)
    boards = BoardStore(settings.redis_url)
    closing.push_async_callback(boards.close)
    broker = await Broker.connect(settings.rabbitmq_url, "notifier")
    closing.push_async_callback(broker.close)
    return Servers(accounts, shards, boards, broker)


def _consumers(
    settings: NotifierSettings, servers: Servers, gateway: Gateway, health: Health, tally: Tally
) -> list[Callable[[], Consumer]]:
    """What makes one for each lane."""
    failpoints = Failpoints(settings.failpoints)
    vetting = Vetting(AlertReader(servers.shards), FareReader(servers.boards), utc_now)
    recorder = Recorder(servers.accounts, servers.broker, settings.rules, utc_now, failpoints)
    usual_prices = UsualPrices(servers.shards, utc_now)
    sender = Sender(servers.accounts, gateway, usual_prices, utc_now, failpoints)
    return [
        partial(
            Consumer,
            servers.broker,
            LANES[lane],
            NotificationHandler(lane, vetting, recorder, sender, failpoints, tally).handle,
            health,
            concurrency=settings.concurrency_of(lane),
            batch_size=BATCH_SIZE,
            batch_bytes=BATCH_BYTES,
            flow_of=by_route,
        )
        for lane in settings.lanes
    ]


def _periodic(settings: NotifierSettings, servers: Servers, switch: PushSwitch) -> list[Periodic]:
    releases = Releases(servers.accounts, servers.broker, utc_now, Failpoints(settings.failpoints))
    return [
        Periodic("push_switch", FOLLOW_EVERY_S, partial(switch.look, servers.accounts)),
        Periodic("release", RELEASE_EVERY_S, partial(switch.once_open, releases.release)),
        Periodic("default_partition", LOOK_EVERY_S, partial(watch_default_partition, servers.accounts)),
    ]


def open_gateway(settings: NotifierSettings, closing: AsyncExitStack, stopped: Callable[[], bool]) -> Gateway:
    """Choose FCM where there are credentials for it, else the push log; it is closed with the stack.

    Args:
        settings: name the one or the other.
        closing: closes it.
        stopped: says whether pushes are stopped.

    Raises:
        ConfigurationError: neither is set, or the credentials cannot be used.
    """
    if settings.firebase_credentials is not None:
        gateway = _open_firebase(settings, settings.firebase_credentials, closing, stopped)
    elif settings.push_log is not None:
        gateway = PushLog(settings.push_log, utc_now, stopped)
    else:
        raise ConfigurationError("set FIREBASE_CREDENTIALS to a service account's key file, or PUSH_LOG to a file")
    closing.push_async_callback(gateway.close)
    return gateway


def _open_firebase(
    settings: NotifierSettings, credentials: Path, closing: AsyncExitStack, stopped: Callable[[], bool]
) -> Gateway:
    schedule = PushSchedule(settings.redis_url, settings.pushes_per_second, settings.push_ramp_seconds)
    pacer = FleetPacer(schedule)
    closing.push_async_callback(pacer.close)
    endpoint = str(settings.push_endpoint).rstrip("/") if settings.push_endpoint else None
    return FirebaseGateway(
        credentials, utc_now, pacer, settings.app_link, settings.push_connections, endpoint, stopped=stopped
    )


def utc_now() -> datetime:
    """Return the instant now in UTC."""
    return datetime.now(UTC)
