"""From a message of changes to claimed alerts and confirmed notifications."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pyarrow as pa
import structlog

from services.alert_worker import store
from services.alert_worker.claiming import Claims
from services.alert_worker.falls import Falls, falls_of
from services.alert_worker.matching import Fall, judge
from services.alert_worker.transitions import Firing
from shared import metrics
from shared.changes_by_shard import Part, joined, parts_by_shard
from shared.consumer import count_set_aside
from shared.cycles import Stage, Tally
from shared.deliveries import Context, Delivery, Done, Park, Settlement
from shared.messages.batches import ARROW, decode, encode
from shared.messages.changes import CHANGES, check_amounts
from shared.messages.columns import FareColumns, validate
from shared.messages.evaluations import Evaluation, Sighting
from shared.price_ages import prices_in_work
from shared.shards import Shards, ShardTransaction
from shared.topology import CHANGES_ALERTS
from shared.work_by_shard import work_on_parts

# Longer than any message waits in the broker: a change is judged by its prices, not by its age.
_CHANGE_LIFETIME = timedelta(days=365)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ChangesHandler:
    """Handles messages of `changes.alerts`: per shard, publish notifications, then commit claims."""

    claims: Claims
    shards: Shards
    clock: Callable[[], datetime]
    tally: Tally = field(default_factory=Tally)

    async def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        """Match what came in one go: a few large transactions cost less than many small ones.

        Where a part of that fails, each message is handled on its own: what was claimed before finds nothing to claim.
        """
        contexts = {delivery.context for delivery in deliveries}
        if len(deliveries) > 1 and len(contexts) == 1 and await self._match_together(deliveries):
            return [Done() for _ in deliveries]
        return [await self._handle(delivery) for delivery in deliveries]

    async def _match_together(self, deliveries: Sequence[Delivery]) -> bool:
        """Match messages of one context as one; whether that succeeded for all parts."""
        read = [self._read(delivery) for delivery in deliveries]
        parts = await self._parts(joined([changes for changes, _ in read]))
        if await self._match_all(parts, deliveries[0].context):
            return False
        for delivery, (changes, set_aside) in zip(deliveries, read, strict=True):
            self._count(delivery, changes, set_aside)
        return True

    async def _handle(self, delivery: Delivery) -> Settlement:
        changes, set_aside = self._read(delivery)
        parts = await self._parts(changes)
        parked = await self._match_all(parts, delivery.context)
        self._count(delivery, changes, set_aside)
        return _settlement(parked, parts)

    def _read(self, delivery: Delivery) -> tuple[FareColumns, Counter[str]]:
        decoded = decode(CHANGES, delivery.body, delivery.content_type)
        changes, findings = validate(decoded.rows, self.clock(), _CHANGE_LIFETIME, check_amounts)
        prices_in_work(CHANGES_ALERTS).entered(delivery, changes.oldest)
        return changes, Counter(decoded.set_aside) + Counter(findings.counts())

    async def _parts(self, changes: FareColumns) -> Mapping[int, Part]:
        return dict(parts_by_shard(changes, await self.shards.current_map()))

    async def _match_all(self, parts: Mapping[int, Part], context: Context) -> dict[int, str]:
        """Match the parts side by side; returns, and raises, as `work_on_parts`."""
        return await work_on_parts({shard: self._match(shard, part, context) for shard, part in parts.items()})

    def _count(self, delivery: Delivery, changes: FareColumns, set_aside: Counter[str]) -> None:
        metrics.CHANGES_MATCHED.inc(len(changes.board))
        self.tally.add(delivery.context.cycle, Stage.MATCHED, len(changes.board))
        count_set_aside(CHANGES_ALERTS, set_aside, delivery)

    async def _match(self, shard: int, part: Part, context: Context) -> None:
        """Claim one shard's part in one transaction, the publish inside it."""
        now, failpoints = self.clock(), self.claims.failpoints
        async with self.shards.transaction(shard, part.buckets) as transaction:
            falls = await _found(transaction, part)
            transitions = judge(await store.lock(transaction, list(falls)), falls)
            fired = {transition.alert.id for transition in transitions}
            watchers = await store.watching(transaction.driver, part)
            to_evaluate = _to_evaluate(part, [watcher for watcher in watchers if watcher[0] not in fired])
            if not (transitions or to_evaluate):
                return
            failpoints.hit("alert_worker.matched")
            await self.claims.make(transaction, transitions, to_evaluate, now, context)
        failpoints.hit("alert_worker.claims_committed")
        claims = sum(bool(each.firing) for each in transitions)
        metrics.CLAIMS.labels(self.shards.name(shard)).inc(claims)
        self.tally.add(context.cycle, Stage.CLAIMED, claims)


async def _found(transaction: ShardTransaction, part: Part) -> dict[UUID, list[Fall]]:
    """The falls that reach each alert, by its id."""
    falls = falls_of(part, transaction.rates.amounts, transaction.reach)
    found: dict[UUID, list[Fall]] = {}
    if len(falls.position):
        matches = await store.match(transaction.driver, part, falls)
        reaching = _falls(part, falls, [number for _, number in matches])
        for (alert_id, _), fall in zip(matches, reaching, strict=True):
            found.setdefault(alert_id, []).append(fall)
    return found


def _falls(part: Part, falls: Falls, numbers: Sequence[int]) -> Iterator[Fall]:
    """The falls of these numbers one by one."""
    chosen = np.array(numbers, dtype=np.int64)
    position = falls.position[chosen]
    firings = map(
        Firing,
        zip(part.boards[part.board[position]].tolist(), part.fare[position].tolist(), strict=True),
        falls.price[chosen].tolist(),
        part.price[position].tolist(),
        part.observed_at[position].tolist(),
        (previous or None for previous in part.previous[position].tolist()),
        part.sources(position),
    )
    return map(Fall, firings, falls.ceiling[chosen].tolist())


def _to_evaluate(part: Part, watchers: Sequence[tuple[UUID, tuple[int, int]]]) -> list[Evaluation]:
    """Ask for the alerts whose watched fare is among these changes, once its board shows the change."""
    positions = part.positions_on({board for _, (board, _) in watchers})
    return [
        Evaluation(alert_id=alert_id, route=part.route(positions[keys]), after=_sighting(part, positions[keys]))
        for alert_id, keys in watchers
        if keys in positions
    ]


def _sighting(part: Part, position: int) -> Sighting:
    board, fare = part.keys(position)
    observed_at = datetime.fromtimestamp(int(part.observed_at[position]) / 1000, UTC)
    return Sighting(board=board, fare=fare, observed_at=observed_at)


def _settlement(parked: Mapping[int, str], parts: Mapping[int, Part]) -> Settlement:
    if not parked:
        return Done()
    log.warning("parts_parked", shards={Shards.name(shard): reason for shard, reason in parked.items()})
    rows = pa.concat_batches([parts[shard].rows for shard in parked])
    return Park(min(parked.values()), encode(CHANGES, rows), ARROW)
