"""What would be realistic for a target that its route has never come near."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from services.alerts_api.alerts.resources import Money, Suggestion
from services.alerts_api.alerts.stored import StoredAlert
from shared.errors import MapMovedError, UnavailableError
from shared.money import converted
from shared.price_history.days import Period
from shared.price_history.percentiles import RECENT_DAYS, TypicalPrice
from shared.price_history.rows import lowest_price
from shared.price_history.typical import typical_price
from shared.shard_map import bucket_of
from shared.shards import Shards

# A target is near if it is no lower than so many percent of the lowest price ever seen.
NEAR_PERCENT: Final = 90
# The traveller waits for it, and the alert is made without it too.
_TIMEOUT_S: Final = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Looks targets up in the price history."""

    shards: Shards
    clock: Callable[[], datetime]

    async def to(self, stored: StoredAlert) -> Suggestion | None:
        """What would be realistic; None if the target is, or if too little is known."""
        if stored.row["rule"] != "target":
            return None
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await self._look(stored)
        except (TimeoutError, UnavailableError, MapMovedError) as error:
            log.warning("no_suggestion", alert_id=str(stored.id), error=str(error) or "it took too long")
            return None
        except DBAPIError:  # the alert is made by now: nothing of the history's may answer 500 to it
            log.exception("no_suggestion", alert_id=str(stored.id))
            return None

    async def _look(self, stored: StoredAlert) -> Suggestion | None:
        recently = Period.until(self.clock().date(), RECENT_DAYS)
        async with self.shards.transaction(stored.shard, [bucket_of(stored.route)]) as transaction:
            lowest_ever = (await transaction.connection.execute(lowest_price(stored.filters))).scalar_one()
            if lowest_ever is None or not _is_far_below(stored, lowest_ever):
                return None
            typical = await typical_price(transaction, stored.filters, recently)
        return _suggestion(stored, typical) if typical else None


def _is_far_below(stored: StoredAlert, ever: int) -> bool:
    target = stored.rates.rates.to_reference(stored.row["target"], stored.row["currency"])
    return target * 100 < ever * NEAR_PERCENT


def _suggestion(stored: StoredAlert, recent: TypicalPrice) -> Suggestion:
    currency = stored.row["currency"]
    numerator, denominator = stored.rates.rates.factor_of(currency)
    price, lowest = (converted(amount, (denominator, numerator)) for amount in (recent.low, recent.lowest))
    return Suggestion(price=Money(price, currency), lowest=Money(lowest, currency), days=recent.days)
