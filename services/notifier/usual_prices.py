"""What the trips of firings have cost lately, read from the shards for those that are about to be told.

A push never waits for it: where a shard is away, slow or just giving the route to another, its pushes go out without.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError

from services.notifier.rendering.perspective import Perspective, perspective
from shared.breaker import Breaker
from shared.databases import reaching
from shared.errors import MapMovedError, UnavailableError
from shared.messages.codes import CABINS
from shared.messages.notifications import Notice, Notification
from shared.price_history.days import Period
from shared.price_history.percentiles import RECENT_DAYS
from shared.price_history.typical import Trip, typical_prices
from shared.schema.shards import ONE_WAY
from shared.shard_map import bucket_of
from shared.shards import Shards

# Asked for the 500 trips of a full batch, each with a price for every day, a shard takes about 150 ms.
_PATIENCE_S: Final = 0.3

log = structlog.get_logger()


class UsualPrices:
    """Puts firings into perspective; a shard that keeps failing or being slow is left alone for a while.

    Args:
        shards: hold the price history.
        clock: tells the instant in UTC.
    """

    def __init__(self, shards: Shards, clock: Callable[[], datetime]) -> None:
        self._shards = shards
        self._clock = clock
        # Not those of the alerts: pushes go out while the history alone is locked or slow.
        self._breakers = {shard: Breaker(f"{shards.name(shard)}_history") for shard in shards.numbers}

    async def perspectives(self, notices: Iterable[Notice]) -> dict[UUID, Perspective]:
        """How the fares of those that are firings compare with the last 90 days, by id, where that says something."""
        parts: dict[int, list[Notification]] = {}
        for notice in notices:
            if isinstance(notice, Notification):
                parts.setdefault(self._shards.map.shard_of(notice.route), []).append(notice)
        known = [self._part(shard, firings) for shard, firings in parts.items() if shard in self._breakers]
        return {id_: one for part in await asyncio.gather(*known) for id_, one in part.items()}

    async def _part(self, shard: int, firings: Sequence[Notification]) -> Mapping[UUID, Perspective]:
        name = self._shards.name(shard)
        try:
            async with self._breakers[shard].guard(), reaching(name), asyncio.timeout(_PATIENCE_S):
                return await self._read(shard, firings)
        except (UnavailableError, MapMovedError, DBAPIError) as error:
            log.warning("told_without_usual_prices", server=name, error=type(error).__name__, firings=len(firings))
            return {}

    async def _read(self, shard: int, firings: Sequence[Notification]) -> dict[UUID, Perspective]:
        trips = {firing.id: _trip(firing) for firing in firings}
        asked = list(dict.fromkeys(trips.values()))
        recently = Period.until(self._clock().date(), RECENT_DAYS)
        async with self._shards.transaction(shard, {bucket_of(trip.route) for trip in asked}) as transaction:
            usual = await typical_prices(transaction, asked, recently)
        rates = transaction.rates.rates
        return {
            firing.id: seen
            for firing in firings
            if (recent := usual.get(trips[firing.id])) and (seen := perspective(firing, recent, rates))
        }


def _trip(firing: Notification) -> Trip:
    fare = firing.fare
    return Trip(firing.route, fare.departure_date, fare.return_date or ONE_WAY, CABINS.index(fare.cabin))
