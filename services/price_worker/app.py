"""Where a price worker is wired."""

import asyncio
from datetime import UTC, datetime
from functools import partial

from services.price_worker.followed_rates import FollowedRates
from services.price_worker.handler import FaresHandler
from services.price_worker.settings import Settings
from shared.broker import Broker
from shared.consumer import Consumer
from shared.failpoints import Failpoints
from shared.fare_boards.store import BoardStore
from shared.health import Health
from shared.money import Rates
from shared.rates.in_redis import RatesInRedis
from shared.topology import FARES_INGEST


async def serve(settings: Settings, health: Health, stopping: asyncio.Event) -> None:
    """Compare fares until told to stop. Stops in the reverse order of starting."""
    first_rates = Rates.load(settings.rates_file, settings.reference_currency)
    boards, shared_rates = BoardStore(settings.redis_url), RatesInRedis(settings.redis_url)
    rates = FollowedRates(first_rates, shared_rates)
    await rates.refresh()
    broker = await Broker.connect(settings.rabbitmq_url, "price_worker")
    health.require("rabbitmq", lambda: broker.connected)
    handler = FaresHandler(
        broker=broker,
        boards=boards,
        amounts=rates.amounts,
        fare_lifetime=settings.fare_lifetime,
        failpoints=Failpoints(settings.failpoints),
        clock=partial(datetime.now, UTC),
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(rates.follow())
            await Consumer(broker, FARES_INGEST, handler, health, concurrency=settings.concurrency).run(stopping)
            following.cancel()
    finally:
        await broker.close()
        await shared_rates.close()
        await boards.close()
