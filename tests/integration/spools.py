"""A way to the broker and batches for the spool, and a look at what lies there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest_gateway.intake.batches import Batch
from services.ingest_gateway.intake.outlet import PATIENCE, Outlet
from services.ingest_gateway.intake.spool import Spool
from shared.broker.broker import Broker
from shared.broker.publisher import Patience
from shared.fare_lanes import Lane
from shared.schema.accounts import spooled_batches

ROOMY = 10**9


@asynccontextmanager
async def outlet_to(url: str, patience: Patience = PATIENCE) -> AsyncIterator[Outlet]:
    """An outlet that is connected."""
    outlet = Outlet(partial(Broker.connect, url, "tests", patience))
    async with outlet.connecting():
        async with asyncio.timeout(20):
            while not outlet.connected:  # noqa: ASYNC110  # it connects in the background, without an event
                await asyncio.sleep(0.01)
        yield outlet


def batch(body: bytes = b"fares", lane: Lane = Lane.SWEEP, cycle: str | None = "c1") -> Batch:
    """A batch of three fares."""
    return Batch(lane, cycle, 3, body)


async def keep(spool: Spool, *bodies: bytes, lane: Lane = Lane.SWEEP) -> None:
    """Keep batches of these bodies, one after the other."""
    for body in bodies:
        await spool.keep(batch(body, lane))


async def kept(engine: AsyncEngine) -> list[dict[str, Any]]:
    """What lies in the spool, in order."""
    async with engine.connect() as connection:
        rows = await connection.execute(select(spooled_batches).order_by(spooled_batches.c.id))
        return [dict(row) for row in rows.mappings()]


async def bodies(engine: AsyncEngine) -> list[bytes]:
    """The bodies of what lies in the spool, in order."""
    return [row["body"] for row in await kept(engine)]
