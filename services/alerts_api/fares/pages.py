"""Answers searches with pages of fares, their prices in one currency beside the fares' own."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.alerts_api.alerts.resources import Money
from services.alerts_api.fares.finding import FareFinder, Findings
from services.alerts_api.fares.ranking import Ints, latest, ordered
from services.alerts_api.fares.rates import Conversion, CurrentRates
from services.alerts_api.fares.resources import FarePage, FoundFare, OrderBy, SortBy
from services.alerts_api.fares.search import Search
from shared.messages.codes import letters_of


@dataclass(frozen=True, slots=True)
class FarePages:
    """Answers searches.

    Args:
        finder: finds the fares.
        rates: what prices are converted at.
        fresh_for: a fare that was seen within this time is fresh.
    """

    finder: FareFinder
    rates: CurrentRates
    fresh_for: timedelta

    async def cheapest(self, search: Search, count: int, now: datetime) -> FarePage:
        """The cheapest fares, in this order.

        Raises:
            InvalidFieldError: there is no rate for the currency asked for.
            UnavailableError, MapMovedError: as in `FareFinder.find`; or no shard is there to say the rates.
        """
        shown = await self._look(search, now)
        return shown.page(ordered(shown.findings.fares, shown.converted, "price"), slice(count))

    async def latest(self, search: Search, sort_by: SortBy, order_by: OrderBy, part: slice, now: datetime) -> FarePage:
        """What was seen last of each flight, in this order; raises as above."""
        shown = await self._look(search, now)
        fares, converted = shown.findings.fares, shown.converted
        order = ordered(fares, converted, sort_by, order_by)
        return shown.page(order[latest(fares, converted)[order]], part)

    async def _look(self, search: Search, now: datetime) -> "_Shown":
        conversion = await self.rates.conversion(search.currency, now)
        findings = await self.finder.find(search, now)
        converted = conversion.of(findings.fares.price, findings.fares.currency)
        return _Shown(findings, conversion, converted, now, self.fresh_for)


@dataclass(frozen=True, slots=True)
class _Shown:
    """Findings with their prices in the currency of the conversion, 0 where those are unknown."""

    findings: Findings
    conversion: Conversion
    converted: Ints
    now: datetime
    fresh_for: timedelta

    def page(self, order: Ints, part: slice) -> FarePage:
        """A part of the fares at these positions."""
        return FarePage(
            source="history" if self.findings.reason else "live",
            reason=self.findings.reason,
            not_applied=self.findings.not_applied,
            total=len(order),
            resources=[self._fare(int(at)) for at in order[part]],
        )

    def _fare(self, at: int) -> FoundFare:
        fares, converted = self.findings.fares, int(self.converted[at])
        observed_at = datetime.fromtimestamp(int(fares.observed_at[at]) / 1000, UTC)
        age = max(self.now - observed_at, timedelta())  # the observer's clock may be ahead of ours
        return FoundFare(
            **fares.describe(at),
            price=Money(int(fares.price[at]), letters_of(int(fares.currency[at]))),
            converted_price=Money(converted, self.conversion.currency) if converted else None,
            observed_at=observed_at,
            age_seconds=int(age.total_seconds()),
            fresh=age <= self.fresh_for,
        )
