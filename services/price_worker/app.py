"""Where a price worker is wired."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from services.price_worker.followed_rates import LOOK_EVERY_S, FollowedRates
from services.price_worker.handler import FaresHandler
from services.price_worker.settings import Settings
from shared.broker.broker import Broker
from shared.consumer import Consumer
from shared.cycles import tallying
from shared.failpoints import Failpoints
from shared.fare_boards.store import BoardStore
from shared.health import Health
from shared.money import Rates
from shared.periodic import Periodic, running
from shared.rates.in_redis import RatesInRedis
from shared.topology import FARES_INGEST, FARES_LIVE


async def serve(settings: Settings, health: Health, stopping: asyncio.Event) -> None:
    """Compare fares until told to stop. Stops in the reverse order of starting."""
    first_rates = Rates.load(settings.rates_file, settings.reference_currency)
    async with AsyncExitStack() as closing:
        boards, shared_rates = BoardStore(settings.redis_url), RatesInRedis(settings.redis_url)
        closing.push_async_callback(boards.close)
        closing.push_async_callback(shared_rates.close)
        rates = FollowedRates(first_rates, shared_rates)
        await rates.refresh()  # before the first fare
        broker = await Broker.connect(settings.rabbitmq_url, "price_worker")
        closing.push_async_callback(broker.close)
        health.require("rabbitmq", lambda: broker.connected)
        health.require("rabbitmq_alarm", lambda: not broker.blocked)
        handler = FaresHandler(
            broker=broker,
            boards=boards,
            amounts=rates.amounts,
            fare_lifetime=settings.fare_lifetime,
            failpoints=Failpoints(settings.failpoints),
            clock=partial(datetime.now, UTC),
            precedence=settings.precedence,
            tally=await closing.enter_async_context(tallying(settings.redis_url)),
        )
        # Each queue has its own batches in work: what is live takes turns with a sweep and never waits behind it.
        consumers = [
            Consumer(broker, queue, replace(handler, queue=queue), health, concurrency=settings.concurrency)
            for queue in (FARES_LIVE, FARES_INGEST)
        ]
        following = running([Periodic("follow_rates", LOOK_EVERY_S, rates.refresh)])
        async with following, asyncio.TaskGroup() as working:
            for consumer in consumers:
                working.create_task(consumer.run(stopping))
