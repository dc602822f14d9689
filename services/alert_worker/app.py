"""Where an alert worker is wired."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from services.alert_worker.claiming import Claims
from services.alert_worker.commands import CommandsHandler
from services.alert_worker.evaluations import Evaluator
from services.alert_worker.expiry import Expiry
from services.alert_worker.handler import ChangesHandler
from services.alert_worker.settings import Settings
from services.alert_worker.sweep import on_every_shard
from shared import metrics
from shared.alerts.arrivals import finish_arrivals
from shared.alerts.available_fares import AvailableFares
from shared.broker.broker import Broker
from shared.consumer import Consumer
from shared.cycles import tallying
from shared.failpoints import Failpoints
from shared.fare_boards.store import BoardStore
from shared.health import Health
from shared.periodic import Periodic, running
from shared.shards import Shards, refresh_on_hangup
from shared.topology import ALERTS_EVALUATE, CHANGES_ALERTS

_EVALUATE_EVERY_S: Final = 5.0
_EXPIRE_EVERY_S: Final = 3_600.0  # it reads all alerts
_CUT_SHORT_AFTER: Final = timedelta(seconds=30)  # an edit takes far less to move an alert to another shard
_SWEEPS: Final = 3
# Price workers publish some 2,000 changes a message: a fifth of a full batch.
_MESSAGES_AT_ONCE: Final = 4
_BYTES_AT_ONCE: Final = 512 * 1024


async def serve(settings: Settings, health: Health, stopping: asyncio.Event) -> None:
    """Match changes, evaluate alerts and sweep until told to stop. Stops in the reverse order of starting."""
    clock = partial(datetime.now, UTC)
    async with AsyncExitStack() as closing:
        # Each batch or command in work, and each sweep, uses at most one connection per shard.
        connections = 2 * settings.concurrency + _SWEEPS
        shards = Shards.at(settings.shards, application="alert_worker", pool_size=connections)
        closing.push_async_callback(shards.close)
        refresh_on_hangup(shards)
        for shard in shards.numbers:
            metrics.CLAIMS.labels(shards.name(shard))  # shows zero
        boards = BoardStore(settings.redis_url)
        closing.push_async_callback(boards.close)
        broker = await Broker.connect(settings.rabbitmq_url, "alert_worker")
        closing.push_async_callback(broker.close)
        health.require("rabbitmq", lambda: broker.connected)
        health.require("rabbitmq_alarm", lambda: not broker.blocked)
        claims = Claims(broker, Failpoints(settings.failpoints))
        tally = await closing.enter_async_context(tallying(settings.redis_url))
        matching = ChangesHandler(claims, shards, clock, tally)
        changes = Consumer(
            broker, CHANGES_ALERTS, matching, health, settings.concurrency, _MESSAGES_AT_ONCE, _BYTES_AT_ONCE
        )
        available = AvailableFares(boards, settings.fare_lifetime, clock)
        evaluator = Evaluator(claims, shards, available, busy=lambda: changes.busy)
        commands = Consumer(broker, ALERTS_EVALUATE, CommandsHandler(evaluator, shards), health, settings.concurrency)
        expiry = Expiry(claims, shards, clock)
        sweeps = [
            *on_every_shard("evaluate", shards, evaluator.once_more, _EVALUATE_EVERY_S),
            *on_every_shard("expire", shards, expiry.expire, _EXPIRE_EVERY_S),
            Periodic("arrivals", _CUT_SHORT_AFTER.total_seconds(), partial(finish_arrivals, shards, _CUT_SHORT_AFTER)),
        ]
        async with running(sweeps), asyncio.TaskGroup() as working:
            working.create_task(changes.run(stopping))
            working.create_task(commands.run(stopping))
