"""Where a price worker is wired."""

import asyncio
from datetime import UTC, datetime
from functools import partial

from services.price_worker.conversion import ReferenceAmounts
from services.price_worker.handler import FaresHandler
from services.price_worker.settings import Settings
from shared.broker import Broker
from shared.consumer import Consumer
from shared.failpoints import Failpoints
from shared.fare_boards.store import BoardStore
from shared.health import Health
from shared.money import Rates
from shared.topology import FARES_INGEST


async def serve(settings: Settings, health: Health, stopping: asyncio.Event) -> None:
    """Compare fares until told to stop. Stops in the reverse order of starting."""
    amounts = ReferenceAmounts(Rates.load(settings.rates_file, settings.reference_currency))
    boards = BoardStore(settings.redis_url)
    broker = await Broker.connect(settings.rabbitmq_url, "price_worker")
    health.require("rabbitmq", lambda: broker.connected)
    handler = FaresHandler(
        broker=broker,
        boards=boards,
        amounts=amounts,
        fare_lifetime=settings.fare_lifetime,
        failpoints=Failpoints(settings.failpoints),
        clock=partial(datetime.now, UTC),
    )
    try:
        await Consumer(broker, FARES_INGEST, handler, health, concurrency=settings.concurrency).run(stopping)
    finally:
        await broker.close()
        await boards.close()
