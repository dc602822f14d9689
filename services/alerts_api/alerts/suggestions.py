"""What would be realistic for a target that its route has never come near."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row, Select, func, select

from services.alerts_api.alerts.resources import Money, Suggestion
from services.alerts_api.alerts.stored import StoredAlert
from shared.alerts.filters import Filters
from shared.errors import UnavailableError
from shared.money import converted
from shared.price_history import daily_lows
from shared.shard_map import bucket_of
from shared.shards import MapMovedError, Shards

# A target is near if it is no lower than so many percent of the lowest price ever seen.
NEAR_PERCENT: Final = 90
RECENT: Final = timedelta(days=90)
# On so many of the recent days the best price was as low as what is suggested.
_SHARE_OF_DAYS: Final = 0.1
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
                seen = await self._look(stored)
        except (TimeoutError, UnavailableError, MapMovedError) as error:
            log.warning("no_suggestion", alert_id=str(stored.id), error=str(error) or "it took too long")
            return None
        return _suggestion(stored, seen) if seen.days and _is_far_below(stored, seen.ever) else None

    async def _look(self, stored: StoredAlert) -> Row[Any]:
        since = self.clock().date() - RECENT
        async with self.shards.transaction(stored.shard, [bucket_of(stored.route)]) as transaction:
            return (await transaction.connection.execute(_seen(stored.filters, since))).one()


def _seen(filters: Filters, since: date) -> Select[Any]:
    """The lowest price ever; and since that day the lowest, the one that we suggest, and on how many days it moved."""
    days = daily_lows(filters).subquery()
    recent = days.c.observed_on > since
    return select(
        func.min(days.c.low).label("ever"),
        func.min(days.c.low).filter(recent).label("lowest"),
        func.percentile_disc(_SHARE_OF_DAYS).within_group(days.c.low).filter(recent).label("realistic"),
        func.count().filter(recent).label("days"),
    )


def _is_far_below(stored: StoredAlert, ever: int) -> bool:
    target = stored.rates.rates.to_reference(stored.row["target"], stored.row["currency"])
    return target * 100 < ever * NEAR_PERCENT


def _suggestion(stored: StoredAlert, seen: Row[Any]) -> Suggestion:
    currency = stored.row["currency"]
    numerator, denominator = stored.rates.rates.factor_of(currency)
    price, lowest = (converted(amount, (denominator, numerator)) for amount in (seen.realistic, seen.lowest))
    return Suggestion(price=Money(price, currency), lowest=Money(lowest, currency), days=seen.days)
