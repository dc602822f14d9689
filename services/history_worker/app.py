"""Where a history worker is wired."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Final

from services.history_worker.forgetting import Forgetting
from services.history_worker.handler import HistoryHandler
from services.history_worker.settings import Settings
from shared.broker.broker import Broker
from shared.consumer import Consumer
from shared.failpoints import Failpoints
from shared.health import Health
from shared.periodic import Periodic, running
from shared.shards import Shards, refresh_on_hangup
from shared.topology import CHANGES_HISTORY

_FORGET_EVERY_S: Final = 3_600.0
# Price workers publish some 2,000 changes a message.
_MESSAGES_AT_ONCE: Final = 8
_BYTES_AT_ONCE: Final = 1024 * 1024


async def serve(settings: Settings, health: Health, stopping: asyncio.Event) -> None:
    """Keep the history until told to stop. Stops in the reverse order of starting."""
    clock = partial(datetime.now, UTC)
    async with AsyncExitStack() as closing:
        # Each batch in work uses at most one connection per shard, as does the sweep.
        shards = Shards.at(settings.shards, application="history_worker", pool_size=settings.concurrency + 1)
        closing.push_async_callback(shards.close)
        refresh_on_hangup(shards)
        broker = await Broker.connect(settings.rabbitmq_url, "history_worker")
        closing.push_async_callback(broker.close)
        health.require("rabbitmq", lambda: broker.connected)
        health.require("rabbitmq_alarm", lambda: not broker.blocked)
        handler = HistoryHandler(shards, Failpoints(settings.failpoints), clock)
        changes = Consumer(
            broker, CHANGES_HISTORY, handler, health, settings.concurrency, _MESSAGES_AT_ONCE, _BYTES_AT_ONCE
        )
        forgetting = Forgetting(shards, clock)
        sweeps = [
            Periodic("counted_messages", _FORGET_EVERY_S, partial(forgetting.forget, shard)) for shard in shards.numbers
        ]
        async with running(sweeps):
            await changes.run(stopping)
