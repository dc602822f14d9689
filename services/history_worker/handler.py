"""From messages of changes to rows of the price history."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import structlog

from services.history_worker import store
from services.history_worker.aggregation import daily_prices
from services.history_worker.counting import names_of
from shared import metrics
from shared.changes_by_shard import Part, joined, parts_by_shard
from shared.consumer import count_set_aside
from shared.counted_changes import digest_of
from shared.deliveries import Delivery, Done, Park, Settlement
from shared.failpoints import Failpoints
from shared.messages.batches import decode
from shared.messages.changes import CHANGES, check_amounts
from shared.messages.columns import FareColumns, validate
from shared.price_ages import prices_in_work
from shared.shards import Shards
from shared.topology import CHANGES_HISTORY
from shared.work_by_shard import work_on_parts

Ints = npt.NDArray[np.int64]

# Longer than any message waits in the broker: a change belongs to the day on which it was observed.
_CHANGE_LIFETIME: Final = timedelta(days=365)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Read:
    """One message: what tells it from others, its valid changes, and why others were set aside."""

    delivery: Delivery
    digest: bytes
    changes: FareColumns
    set_aside: Counter[str]


@dataclass(frozen=True, slots=True)
class HistoryHandler:
    """Handles messages of `changes.history`: each shard's part in one transaction, and no change counted twice."""

    shards: Shards
    failpoints: Failpoints
    clock: Callable[[], datetime]

    async def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        """Keep what came in one go: a few large transactions cost less than many small ones.

        Where a part of that fails, each message is handled on its own: what was kept before is not counted again.
        """
        if len(deliveries) > 1 and not await self._keep(deliveries):
            return [Done() for _ in deliveries]
        return [await self._handle(delivery) for delivery in deliveries]

    async def _handle(self, delivery: Delivery) -> Settlement:
        """Park the whole message where a part is left: under its own body alone it is known as the same one."""
        parked = await self._keep([delivery])
        if not parked:
            return Done()
        log.warning("parts_parked", shards={Shards.name(shard): reason for shard, reason in parked.items()})
        return Park(min(parked.values()))

    async def _keep(self, deliveries: Sequence[Delivery]) -> dict[int, str]:
        """Keep the changes of these messages together.

        Returns:
            Why the parts of shards that are down or have moved are to be parked, as `work_on_parts`.
        """
        read = self._read(deliveries)
        changes = joined([each.changes for each in read])
        message = np.repeat(np.arange(len(read)), [len(each.changes.board) for each in read])
        digests = [each.digest for each in read]
        parts = dict(parts_by_shard(changes, await self.shards.current_map()))
        parked = await work_on_parts(
            {shard: self._keep_part(shard, part, message, digests) for shard, part in parts.items()}
        )
        if not parked:
            for each in read:
                count_set_aside(CHANGES_HISTORY, each.set_aside, each.delivery)
        return parked

    def _read(self, deliveries: Sequence[Delivery]) -> list[_Read]:
        """Read messages; of those that came twice, one."""
        distinct = {digest_of(delivery.body): delivery for delivery in deliveries}
        return [self._read_one(delivery, digest) for digest, delivery in distinct.items()]

    def _read_one(self, delivery: Delivery, digest: bytes) -> _Read:
        decoded = decode(CHANGES, delivery.body, delivery.content_type)
        changes, findings = validate(decoded.rows, self.clock(), _CHANGE_LIFETIME, check_amounts)
        prices_in_work(CHANGES_HISTORY).entered(delivery, changes.oldest)
        return _Read(delivery, digest, changes, Counter(decoded.set_aside) + Counter(findings.counts()))

    async def _keep_part(self, shard: int, part: Part, message: Ints, digests: Sequence[bytes]) -> None:
        """Work what is new of one shard's part into its history, in one transaction."""
        names = names_of(part, message, digests)
        rows = 0
        async with self.shards.transaction(shard, part.buckets) as transaction:
            new = names.positions(await store.count(transaction.driver, names.names))
            wanted = new[_within(part, new, await store.months(transaction.driver))] if len(new) else new
            if len(wanted):
                prices = daily_prices(part, wanted)
                await store.merge(transaction.driver, prices)
                rows = len(prices.route)
            self.failpoints.hit("history_worker.upserted")
        self.failpoints.hit("history_worker.committed")
        metrics.HISTORY_CHANGES.inc(len(wanted))
        metrics.HISTORY_ROWS.inc(rows)
        _count_without_month(shard, len(new) - len(wanted))


def _within(part: Part, position: Ints, months: set[str]) -> npt.NDArray[np.bool_]:
    """Which of the changes at these positions depart in one of these months."""
    month = part.departure.astype("datetime64[D]").astype("datetime64[M]")
    kept = np.array([f"{each[:4]}-{each[4:]}" for each in months], dtype="datetime64[M]")
    return np.isin(month, kept)[part.board[position]]


def _count_without_month(shard: int, count: int) -> None:
    """Months are made far ahead, and dropped when their departures are long over: nobody asks for these."""
    if count:
        reason = "departure_month_missing"
        metrics.SET_ASIDE.labels(CHANGES_HISTORY.name, reason).inc(count)
        log.info("documents_set_aside", queue=CHANGES_HISTORY.name, reasons={reason: count}, shard=Shards.name(shard))
