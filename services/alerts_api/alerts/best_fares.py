"""The reply to whoever has written an alert: with the best fare that it would find now, and a realistic target."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from services.alerts_api.alerts.evaluations import Evaluations
from services.alerts_api.alerts.resources import AlertWithBestFare, BestFare, Money
from services.alerts_api.alerts.stored import StoredAlert
from services.alerts_api.alerts.suggestions import Suggestions
from shared.alerts.available_fares import AvailableFares
from shared.alerts.best_fare import AvailableFare
from shared.errors import TransientError, UnavailableError
from shared.messages.fare_key import unpack_board, unpack_fare

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WriteReplies:
    """Replies to writes that are committed, whatever becomes of Redis and RabbitMQ."""

    evaluations: Evaluations
    fares: AvailableFares
    suggestions: Suggestions

    async def to(self, stored: StoredAlert) -> AlertWithBestFare:
        """Have the alert evaluated, and say what it would find."""
        asked = self.evaluations.ask_for(stored.id, stored.route)
        _, best, suggestion = await asyncio.gather(asked, self._best(stored), self.suggestions.to(stored))
        return AlertWithBestFare(**msgspec.structs.asdict(stored.alert), **best, suggestion=suggestion)

    async def _best(self, stored: StoredAlert) -> dict[str, Any]:
        try:
            known = await self.fares.wanted_by([stored.filters], stored.rates.amounts)
        except (UnavailableError, TransientError) as error:
            log.warning("best_fare_unknown", alert_id=str(stored.id), error=str(error))
            return {"best_fare": None, "best_fare_known": False}
        best = known.best(stored.filters, self.fares.first_departure)
        return {"best_fare": best and _told(best, stored.rates.rates.reference), "best_fare_known": True}


def _told(best: AvailableFare, reference: str) -> BestFare:
    fare = unpack_fare(best.fare)._asdict()
    return BestFare(
        **unpack_board(best.board)._asdict(),
        price=Money(best.price, fare.pop("currency")),
        **fare,
        reference_price=Money(best.reference_price, reference),
        observed_at=datetime.fromtimestamp(best.observed_at / 1000, UTC),
    )
