"""An intake over a broker and a spool in memory, and fares for it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.ingest_gateway.intake.batches import Batch
from services.ingest_gateway.intake.delivering import Deliverer
from services.ingest_gateway.intake.intake import Intake
from services.ingest_gateway.intake.outlet import Outlet
from services.ingest_gateway.intake.spool import Spool
from shared.broker.outgoing import Outgoing
from shared.cycles import Stage, Tally
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.fakes import FakeBroker
from shared.fare_lanes import EXCHANGES, Lane
from shared.messages.batches import decode
from shared.messages.fares import FARES
from tests.unit.fares import LIFETIME, NOW, fare, rows_of

AGE_S = 0.01
LANES = {exchange.name: lane for lane, exchange in EXCHANGES.items()}


class GatewayBroker(FakeBroker):
    """A broker in memory that publishes alone."""

    @property
    def connected(self) -> bool:
        """While a test says so."""
        return self.there

    async def close(self) -> None:
        """Nothing is left open."""


class SpoolInMemory(Spool):
    """Keeps batches while it is `there`."""

    def __init__(self) -> None:  # no database
        self.there = True
        self.kept: list[Batch] = []

    @property
    def open(self) -> bool:
        """While a test says so."""
        return self.there

    async def keep(self, batch: Batch) -> None:
        """Keep it.

        Raises:
            UnavailableError: a test says that the database is not there.
        """
        if not self.there:
            raise UnavailableError("accounts", "a test says so")
        self.kept.append(batch)


class Gateway:
    """An intake and what is behind it."""

    def __init__(self, broker: GatewayBroker, outlet: Outlet, spool: SpoolInMemory) -> None:
        self.broker = broker
        self.spool = spool
        self.tally = Tally()
        failpoints = Failpoints(None)
        self.deliverer = Deliverer(outlet, spool, self.tally, failpoints)
        self.intake = Intake(self.deliverer, AGE_S, LIFETIME, lambda: NOW, failpoints)

    def published(self) -> list[list[dict[str, Any]]]:
        """The fares of each message."""
        return [rows_in(message) for message in self.broker.published]

    def counted(self, cycle: str) -> Counter[Stage]:
        """What was counted of a cycle."""
        return self.tally._counts.get(cycle, Counter())


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    """One whose broker is there."""
    broker = GatewayBroker()

    async def connect() -> GatewayBroker:
        return broker

    outlet = Outlet(connect)
    async with outlet.connecting():
        while not outlet.connected:  # noqa: ASYNC110  # it connects in the background, without an event
            await asyncio.sleep(0)
        yield Gateway(broker, outlet, SpoolInMemory())


def rows_in(message: Outgoing) -> list[dict[str, Any]]:
    """The fares of a message as a price worker reads them."""
    rows: list[dict[str, Any]] = decode(FARES, message.body, message.content_type).rows.to_pylist()
    return rows


def values(*documents: dict[str, Any]) -> list[dict[str, Any]]:
    """Documents as values by column."""
    given: list[dict[str, Any]] = rows_of(FARES, *documents).to_pylist()
    return given


def flights(*numbers: int) -> list[dict[str, Any]]:
    """A fare of each of these flights."""
    return values(*(fare(flight_number=str(number)) for number in numbers))


def lane_of(message: Outgoing) -> Lane:
    """The lane that a message went by."""
    return LANES[message.exchange]
