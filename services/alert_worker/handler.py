"""From a message of changes to claimed alerts and confirmed notifications."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import structlog

from services.alert_worker.announcing import notification_of
from services.alert_worker.falls import Falls, falls_by_shard
from services.alert_worker.matching import Claim, claims
from services.alert_worker.store import ShardStore
from shared import metrics
from shared.broker import Broker, Outgoing
from shared.consumer import count_set_aside
from shared.deliveries import Context, Delivery, Done, Retry, Settlement
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.messages import notifications
from shared.messages.batches import ARROW, decode, encode
from shared.messages.changes import CHANGES, check_amounts
from shared.messages.columns import FareColumns, validate
from shared.messages.notifications import Notification
from shared.shard_map import ShardMap
from shared.topology import CHANGES_ALERTS, NOTIFICATIONS

# Longer than any message waits in the broker: a change is judged by its prices, not by its age.
_CHANGE_LIFETIME = timedelta(days=365)
_LANE = "standard"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ChangesHandler:
    """Handles messages of `changes.alerts`: per shard, publish notifications, then commit claims."""

    broker: Broker
    shards: Mapping[int, ShardStore]
    shard_map: ShardMap
    failpoints: Failpoints
    clock: Callable[[], datetime]

    async def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        """Handle each message on its own."""
        return [await self._handle(delivery) for delivery in deliveries]

    async def _handle(self, delivery: Delivery) -> Settlement:
        changes, set_aside = self._read(delivery)
        parts = falls_by_shard(changes, self.shard_map)
        outcomes = await asyncio.gather(
            *(self._claim(shard, falls, delivery.context) for shard, falls in parts.items()), return_exceptions=True
        )
        settlement = _settlement(dict(zip(parts, outcomes, strict=True)), parts, self.shards)
        metrics.CHANGES_MATCHED.inc(len(changes.board))
        count_set_aside(CHANGES_ALERTS, set_aside, delivery)
        return settlement

    def _read(self, delivery: Delivery) -> tuple[FareColumns, Counter[str]]:
        decoded = decode(CHANGES, delivery.body, delivery.content_type)
        changes, faults = validate(decoded.rows, self.clock(), _CHANGE_LIFETIME, check_amounts)
        return changes, Counter(decoded.set_aside) + Counter(faults)

    async def _claim(self, shard: int, falls: Falls, context: Context) -> None:
        """Claim one shard's part in one transaction, the publish inside it."""
        now = self.clock()
        async with self.shards[shard].transaction() as transaction:
            claimed = claims(await transaction.match_and_lock(falls), falls.candidates)
            if not claimed:
                return
            self.failpoints.hit("alert_worker.matched")
            announced = _announce(claimed, falls, now)
            await self._publish(announced, context)
            self.failpoints.hit("alert_worker.notifications_confirmed")
            await transaction.claim(claimed, [notification.fare_key for notification in announced], now)
        self.failpoints.hit("alert_worker.claims_committed")
        metrics.CLAIMS.labels(self.shards[shard].name).inc(len(claimed))

    async def _publish(self, announced: Sequence[Notification], context: Context) -> None:
        await self.broker.publish_all(
            Outgoing(
                exchange=NOTIFICATIONS.name,
                routing_key=_LANE,
                body=notifications.encode(notification),
                content_type=notifications.JSON,
                message_id=str(notification.id),
                headers=context.headers(),
            )
            for notification in announced
        )


def _announce(claimed: Sequence[Claim], falls: Falls, now: datetime) -> list[Notification]:
    positions = [claim.match.position for claim in claimed]
    fired = falls.rows.take(pa.array(positions)).to_pylist()
    return [
        notification_of(claim, change, falls.routes[claim.match.position], now)
        for claim, change in zip(claimed, fired, strict=True)
    ]


def _settlement(
    outcomes: Mapping[int, BaseException | None], parts: Mapping[int, Falls], shards: Mapping[int, ShardStore]
) -> Settlement:
    """Park the parts of shards that are down; any other failure is the whole message's."""
    down = []
    for shard, outcome in outcomes.items():
        if isinstance(outcome, UnavailableError) and outcome.server == shards[shard].name:
            down.append(shard)
        elif outcome is not None:
            raise outcome
    if not down:
        return Done()
    log.warning("parts_parked", shards=[shards[shard].name for shard in down])
    rows = pa.concat_batches([parts[shard].rows for shard in down])
    return Retry("shard_unavailable", encode(CHANGES, rows), ARROW)
