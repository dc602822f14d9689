"""Finds fares on the boards, or where those say too little in the history."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from services.alerts_api.fares.live import LiveFares
from services.alerts_api.fares.ranking import Found
from services.alerts_api.fares.resources import Narrowing, Reason
from services.alerts_api.fares.search import Search
from shared.alerts.filters import Filters
from shared.errors import MapMovedError, UnavailableError
from shared.fare_boards.layout import BoardFormatError

ReadBoards = Callable[[Filters, datetime], Awaitable[LiveFares]]
ReadHistory = Callable[[Filters], Awaitable[Found]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found for a search.

    Attributes:
        fares: all of them.
        reason: why they come from the history; None of fares on sale.
        not_applied: what of the search the history could not apply.
    """

    fares: Found
    reason: Reason | None
    not_applied: list[Narrowing]


@dataclass(frozen=True, slots=True)
class FareFinder:
    """Finds fares.

    Args:
        read_boards: as `LiveReader.read`; None where the boards are not to be asked.
        minimum: with fewer fares on the boards the history answers, if it has anything.
        read_history: as `HistoryReader.last_prices`.
    """

    read_boards: ReadBoards | None
    minimum: int
    read_history: ReadHistory

    async def find(self, search: Search, now: datetime) -> Findings:
        """All fares that are wanted.

        Raises:
            UnavailableError: neither the boards nor the shard of the history can be reached.
            MapMovedError: not the boards either, and the route is being moved all the time.
        """
        if self.read_boards is None:
            return await self._last_prices(search, "live_fares_disabled")
        try:
            fares = await self.read_boards(search.filters, now)
        except (UnavailableError, BoardFormatError) as error:
            log.warning("live_fares_unavailable", error=str(error))
            return await self._last_prices(search, "live_fares_unavailable")
        known = fares.wanted_by(search.loosened)
        live = Findings(known.wanted_by(search.filters).found(), None, [])
        return live if len(known) >= self.minimum else await self._last_prices_or(live, search)

    async def _last_prices(self, search: Search, reason: Reason) -> Findings:
        return Findings(await self.read_history(search.filters), reason, search.not_in_history)

    async def _last_prices_or(self, live: Findings, search: Search) -> Findings:
        try:
            stored = await self._last_prices(search, "too_few_live_fares")
        except (UnavailableError, MapMovedError) as error:
            log.warning("price_history_unavailable", error=str(error))
            return live
        return stored if len(stored.fares) else live
