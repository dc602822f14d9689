"""The rates that a price worker converts at: the snapshot in Redis, and until there is one that of its file."""

from datetime import UTC, datetime, time
from typing import Final

import structlog

from shared import metrics
from shared.conversion import ReferenceAmounts
from shared.errors import UnavailableError
from shared.money import Rates
from shared.rates.in_redis import MalformedRatesError, RatesInRedis

LOOK_EVERY_S: Final = 5.0

log = structlog.get_logger()


class FollowedRates:
    """The rates in use.

    Args:
        first: what holds until a snapshot is found; only ones with its reference currency are followed.
        store: where to look.
    """

    def __init__(self, first: Rates, store: RatesInRedis) -> None:
        self._store = store
        self._take(first)

    async def refresh(self) -> None:
        """Look once. What cannot be read or used changes nothing."""
        try:
            found = await self._store.read()
        except (UnavailableError, MalformedRatesError) as error:
            log.warning("rates_kept", date=self.rates.date.isoformat(), reason=str(error))
            return
        if found is None or found == self.rates:
            return
        if found.reference != self.rates.reference:
            log.warning(
                "rates_kept", date=self.rates.date.isoformat(), reason=f"those in Redis are in {found.reference}"
            )
            return
        self._take(found)

    def amounts(self) -> ReferenceAmounts:
        """The conversion as it is now; a batch asks once, for all its fares convert at the same rates."""
        return self._amounts

    def _take(self, rates: Rates) -> None:
        self.rates = rates
        self._amounts = ReferenceAmounts(rates)
        metrics.RATES_DATE.set(datetime.combine(rates.date, time(), UTC).timestamp())
        log.info("rates_taken_over", date=rates.date.isoformat())
