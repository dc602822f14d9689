"""The price history as shards keep it, and a history worker whose messages a test hands over."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.history_worker.handler import HistoryHandler
from shared.deliveries import Context, Delivery, Settlement
from shared.failpoints import Failpoints
from shared.fakes import FakeAcknowledger
from shared.messages.batches import ARROW
from shared.messages.codes import CABINS
from shared.schema.shards import ONE_WAY, price_history
from shared.shards import Shards
from tests.unit.past_changes import NOW, Document, Key, Row, body_of


@dataclass
class HistoryWorker:
    """A history worker's handler on real shards."""

    engines: Sequence[AsyncEngine]
    failpoints: Failpoints = field(default_factory=lambda: Failpoints(None))

    def __post_init__(self) -> None:
        self.shards = Shards(self.engines)
        self.handle = HistoryHandler(self.shards, self.failpoints, lambda: NOW)

    async def keep(self, *messages: Sequence[Document]) -> Sequence[Settlement]:
        """Handle messages of changes in one call."""
        return await self.handle([delivery_of(body_of(changes)) for changes in messages])


def delivery_of(body: bytes) -> Delivery:
    """A message with this body."""
    return Delivery(body, ARROW, Context(), None, FakeAcknowledger())


async def forget_all(engines: Sequence[AsyncEngine]) -> None:
    """Have shards that know nothing."""
    for engine in engines:
        async with engine.begin() as connection:
            await connection.execute(text("TRUNCATE price_history, counted_messages"))


async def kept(engines: Sequence[AsyncEngine]) -> dict[Key, Row]:
    """The history of all shards together; no row may be on two of them."""
    rows = [row for engine in engines for row in await _rows(engine)]
    history = {_key(row): Row(*(getattr(row, name) for name in Row._fields)) for row in rows}
    assert len(history) == len(rows), "a row is on two shards"
    return history


async def _rows(engine: AsyncEngine) -> Sequence[Any]:
    async with engine.connect() as connection:
        return (await connection.execute(select(price_history))).all()


def _key(row: Any) -> Key:  # noqa: ANN401  # a row of the table
    back = None if row.return_date == ONE_WAY else row.return_date
    return Key(row.route, row.departure_date, back, CABINS[row.cabin], row.currency, row.observed_on)
