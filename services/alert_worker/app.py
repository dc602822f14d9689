"""Where an alert worker is wired."""

import asyncio
from datetime import UTC, datetime
from functools import partial

from services.alert_worker.handler import ChangesHandler
from services.alert_worker.settings import Settings
from services.alert_worker.store import ShardStore
from shared.broker import Broker
from shared.consumer import Consumer
from shared.databases import open_engine
from shared.failpoints import Failpoints
from shared.health import Health
from shared.shard_map import ShardMap
from shared.topology import CHANGES_ALERTS


async def serve(settings: Settings, health: Health, stopping: asyncio.Event) -> None:
    """Match changes until told to stop. Stops in the reverse order of starting."""
    shard_map = ShardMap.even(settings.shards)
    # Every batch in work uses at most one connection per shard.
    engines = [open_engine(url, application="alert_worker", pool_size=settings.concurrency) for url in shard_map.urls]
    shards = {number: ShardStore(number, engine) for number, engine in enumerate(engines)}
    broker = await Broker.connect(settings.rabbitmq_url, "alert_worker")
    health.require("rabbitmq", lambda: broker.connected)
    handler = ChangesHandler(
        broker=broker,
        shards=shards,
        shard_map=shard_map,
        failpoints=Failpoints(settings.failpoints),
        clock=partial(datetime.now, UTC),
    )
    try:
        await Consumer(broker, CHANGES_ALERTS, handler, health, concurrency=settings.concurrency).run(stopping)
    finally:
        await broker.close()
        for shard in shards.values():
            await shard.close()
