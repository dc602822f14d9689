"""Ends the alerts whose last day of departure is over, and tells their users once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.alert_worker import store
from services.alert_worker.announcing import expiry_of
from services.alert_worker.claiming import Claims
from shared.alerts.filters import first_departure
from shared.deliveries import Context
from shared.shards import Shards


@dataclass(frozen=True, slots=True)
class Expiry:
    """Expires alerts."""

    claims: Claims
    shards: Shards
    clock: Callable[[], datetime]

    async def expire(self, shard: int, most: int) -> int:
        """Expire some alerts of a shard; returns how many there were, up to `most`.

        Raises:
            UnavailableError: the shard or the broker cannot be reached.
        """
        now = self.clock()
        async with self.shards.transaction(shard, ()) as transaction:
            over = await store.lock_over(transaction, first_departure(now), most)
            # Whoever has paused an alert has long stopped waiting for it.
            await self.claims.announce([expiry_of(alert, now) for alert in over if alert.state == "active"], Context())
            self.claims.failpoints.hit("alert_worker.expiries_confirmed")
            await store.expire(transaction.driver, over, now)
        return len(over)
