"""Wires the notifier."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from services.notifier.alerts import AlertReader
from services.notifier.boards import FareReader
from services.notifier.fcm import MESSAGES_PER_CALL, FirebaseGateway
from services.notifier.gateway import Gateway
from services.notifier.handler import NotificationHandler
from services.notifier.push_log import PushLog
from services.notifier.settings import NotifierSettings
from services.notifier.store import NotificationStore
from services.notifier.vetting import Vetting
from shared.broker import Broker
from shared.consumer import Consumer
from shared.databases import open_engine
from shared.errors import ConfigurationError
from shared.failpoints import Failpoints
from shared.fare_boards.store import BoardStore
from shared.health import Health
from shared.messages.notifications import MAX_NOTICES
from shared.shards import Shards, refresh_on_hangup
from shared.topology import NOTIFICATIONS_STANDARD

APPLICATION = "farelark-notifier"  # what the databases see us as
BATCH_SIZE = MESSAGES_PER_CALL // MAX_NOTICES  # full messages, to travellers with one device, fill one call to FCM


async def serve(settings: NotifierSettings, health: Health, stopping: asyncio.Event) -> None:
    """Notify until the event is set; connections are closed in the opposite order of their opening."""
    async with AsyncExitStack() as closing:
        gateway = open_gateway(settings)
        closing.push_async_callback(gateway.close)
        engine = open_engine(settings.accounts_url, application=APPLICATION, pool_size=settings.concurrency)
        closing.push_async_callback(engine.dispose)
        shards = Shards.at(settings.shards, application=APPLICATION, pool_size=settings.concurrency)
        refresh_on_hangup(shards)
        closing.push_async_callback(shards.close)
        boards = BoardStore(settings.redis_url)
        closing.push_async_callback(boards.close)
        broker = await Broker.connect(settings.rabbitmq_url, "notifier")
        closing.push_async_callback(broker.close)
        health.require("rabbitmq", lambda: broker.connected)
        vetting = Vetting(AlertReader(shards), FareReader(boards))
        handler = NotificationHandler(
            NotificationStore(engine), vetting, broker, gateway, Failpoints(settings.failpoints)
        )
        consumer = Consumer(
            broker,
            NOTIFICATIONS_STANDARD,
            handler.handle,
            health,
            concurrency=settings.concurrency,
            batch_size=BATCH_SIZE,
        )
        await consumer.run(stopping)


def open_gateway(settings: NotifierSettings) -> Gateway:
    """Choose FCM where there are credentials for it, else the push log.

    Raises:
        ConfigurationError: neither is set, or the credentials cannot be used.
    """
    if settings.firebase_credentials is not None:
        endpoint = str(settings.push_endpoint).rstrip("/") if settings.push_endpoint else None
        return FirebaseGateway(settings.firebase_credentials, utc_now, endpoint)
    if settings.push_log is not None:
        return PushLog(settings.push_log, utc_now)
    raise ConfigurationError("set FIREBASE_CREDENTIALS to a service account's key file, or PUSH_LOG to a file")


def utc_now() -> datetime:
    """Return the instant now in UTC."""
    return datetime.now(UTC)
