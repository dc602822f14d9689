"""From a message of fares to confirmed changes and written boards."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from services.price_worker.comparison import Changes, Comparison, compare
from services.price_worker.precedence import ALL_ALIKE, Precedence
from services.price_worker.sightings import Sightings, latest
from shared import metrics
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.consumer import count_set_aside
from shared.conversion import ReferenceAmounts
from shared.cycles import Stage, Tally
from shared.deliveries import Context, Delivery, Done, Settlement
from shared.errors import TransientError
from shared.failpoints import Failpoints
from shared.fare_boards.layout import BoardFormatError, Boards, expires_at, redis_key
from shared.fare_boards.store import BoardStore, Write
from shared.messages.batches import ARROW, decode, encode
from shared.messages.changes import CHANGES
from shared.messages.columns import FareColumns, validate
from shared.messages.fares import FARES
from shared.price_ages import prices_in_work
from shared.topology import CHANGES as CHANGES_EXCHANGE
from shared.topology import FARES_INGEST, WorkQueue


@dataclass(frozen=True, slots=True)
class FaresHandler:
    """Handles messages of fares: publish changes, then write boards, then acknowledge.

    A message is handled at one instant and at the rates of that instant, however long that takes: so no fare that
    is recent enough to count meets a row that is newer and no longer does.
    """

    broker: Broker
    boards: BoardStore
    amounts: Callable[[], ReferenceAmounts]
    fare_lifetime: timedelta
    failpoints: Failpoints
    clock: Callable[[], datetime]
    queue: WorkQueue = FARES_INGEST
    precedence: Precedence = ALL_ALIKE
    tally: Tally = field(default_factory=Tally)

    async def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        """Handle each message on its own."""
        return [await self._handle(delivery) for delivery in deliveries]

    async def _handle(self, delivery: Delivery) -> Settlement:
        self.failpoints.hit("price_worker.received")
        now, amounts = self.clock(), self.amounts()
        fares, set_aside = self._read(delivery, now, amounts)
        prices_in_work(self.queue).entered(delivery, fares.oldest)
        stale_before = int((now - self.fare_lifetime).timestamp() * 1000)
        await self._compare(fares, amounts, stale_before, delivery.context)
        self.failpoints.hit("price_worker.boards_written")
        metrics.FARES.inc(len(fares.board))
        self.tally.add(delivery.context.cycle, Stage.COMPARED, len(fares.board))
        count_set_aside(self.queue, set_aside, delivery)
        return Done()

    def _read(self, delivery: Delivery, now: datetime, amounts: ReferenceAmounts) -> tuple[FareColumns, Counter[str]]:
        decoded = decode(FARES, delivery.body, delivery.content_type)
        fares, findings = validate(decoded.rows, now, self.fare_lifetime, amounts.check)
        return fares, Counter(decoded.set_aside) + Counter(findings.counts())

    async def _compare(
        self, fares: FareColumns, amounts: ReferenceAmounts, stale_before: int, context: Context
    ) -> None:
        """Work the fares into their boards; boards that another worker wrote meanwhile once more."""
        seen = latest(fares, self.precedence)
        published = np.array([], dtype=np.int64)
        while len(seen.boards):
            keys = [redis_key(int(board)) for board in seen.boards]
            boards = await self._read_boards(keys)
            comparison = compare(seen, boards, amounts, stale_before, self.precedence)
            await self._publish(fares.rows, comparison.changes.beyond(published), context)
            published = np.append(published, comparison.changes.steps)
            self.failpoints.hit("price_worker.changes_confirmed")
            seen = seen.on(await self._write(seen, keys, boards.headers, comparison))

    async def _read_boards(self, keys: Sequence[str]) -> Boards:
        try:
            return await self.boards.read(keys)
        except BoardFormatError as error:
            # Perhaps of a newer version at work beside this one: to overwrite it would lose its prices.
            raise TransientError("board_unreadable", f"{keys[error.position]}: {error}") from error

    async def _publish(self, fares: pa.RecordBatch, changes: Changes, context: Context) -> None:
        if not len(changes.row):
            return
        body = encode(CHANGES, to_batch(fares, changes))
        await self.broker.publish(
            Outgoing(
                exchange=CHANGES_EXCHANGE.name,
                routing_key="",
                body=body,
                content_type=ARROW,
                headers=context.headers(),
            )
        )
        metrics.CHANGES.inc(len(changes.row))
        self.tally.add(context.cycle, Stage.CHANGED, len(changes.row))

    async def _write(
        self, seen: Sightings, keys: Sequence[str], headers: Sequence[bytes], comparison: Comparison
    ) -> list[int]:
        """Write the boards; returns the positions of those that must be merged again."""
        positions = list(comparison.values)
        writes = [
            Write(keys[board], headers[board], value, expires_at(int(seen.boards[board])))
            for board, value in comparison.values.items()
        ]
        conflicts = [positions[i] for i in await self.boards.write(writes)] if writes else []
        metrics.BOARD_CONFLICTS.inc(len(conflicts))
        return conflicts


def to_batch(fares: pa.RecordBatch, changes: Changes) -> pa.RecordBatch:
    """The changed rows with what they were before, as a batch of the changes' contract."""
    rows = fares.take(pa.array(changes.row))
    never_seen = ~changes.seen_before
    added = {
        "reference_price": pa.array(changes.reference),
        "previous_price": pa.array(changes.previous_price, mask=never_seen),
        "previous_reference_price": pa.array(changes.previous_reference, mask=never_seen),
    }
    for name, column in added.items():
        rows = rows.append_column(CHANGES.schema.field(name), column)
    return rows
