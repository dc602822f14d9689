"""A price worker as it is wired, in this process, and fares for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from services.price_worker.app import serve
from services.price_worker.settings import Settings
from shared.broker.outgoing import Outgoing
from shared.health import Health
from shared.topology import FARES, Exchange
from tests.private_servers import Servers


class PriceWorker:
    """One at work."""

    def __init__(self, servers: Servers, **settings: Any) -> None:  # noqa: ANN401  # as the settings have them
        where = settings | {"rabbitmq_url": servers.rabbitmq.amqp_url, "redis_url": servers.redis.url}
        self.health = Health()
        self.stopping = asyncio.Event()
        self.serving = asyncio.create_task(serve(Settings.model_validate(where), self.health, self.stopping))

    async def misses(self, what: str) -> None:
        """Wait until readiness says so."""
        async with asyncio.timeout(20):
            while what not in self.health.missing():  # noqa: ASYNC110  # readiness is asked for, it has no event
                await asyncio.sleep(0.02)

    async def misses_nothing(self) -> None:
        """Wait until it is ready."""
        async with asyncio.timeout(20):
            while self.health.missing():  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """As SIGTERM does; an error that ended it is raised."""
        self.stopping.set()
        await self.serving


@asynccontextmanager
async def price_worker(servers: Servers, **settings: Any) -> AsyncIterator[PriceWorker]:  # noqa: ANN401  # as above
    worker = PriceWorker(servers, **settings)
    try:
        yield worker
    finally:
        await worker.stop()


def fares(flight: int, exchange: Exchange = FARES, **changes: object) -> Outgoing:
    """A message of one fare, of a flight of its own."""
    now = datetime.now(UTC)
    fare: dict[str, object] = {
        "origin": "BCN",
        "destination": "BUD",
        "departure_date": f"{now.date() + timedelta(days=30)}",
        "carrier": "W6",
        "flight_number": f"{flight}",
        "currency": "EUR",
        "price": 8999,
        "observed_at": now,
        "source": "test",
    }
    return Outgoing("", msgspec.json.encode([fare | changes]), "application/json", exchange.name)
