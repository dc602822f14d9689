"""Charts of what fares have cost, in one currency."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

import numpy as np

from services.alerts_api.fares.rates import Conversion, CurrentRates
from services.alerts_api.fares.resources import DayOfPrices, PriceHistory, PriceSummary
from services.alerts_api.fares.search import Search
from shared.alerts.filters import Filters
from shared.messages.codes import currency_code
from shared.price_history.days import DayPrices, Period
from shared.price_history.percentiles import TypicalPrice

ReadDays = Callable[[Filters, Period], Awaitable[Sequence[DayPrices]]]


@dataclass(frozen=True, slots=True)
class PriceCharts:
    """Draws charts.

    Args:
        read_days: as `HistoryReader.day_prices`.
        rates: what prices are converted at.
    """

    read_days: ReadDays
    rates: CurrentRates

    async def chart(self, search: Search, days: int, now: datetime) -> PriceHistory:
        """What all that is looked for has cost on the last so many days, of which today is one.

        Raises:
            InvalidFieldError: there is no rate for the currency asked for.
            UnavailableError: the route's shard is away; or no shard is there to say the rates.
            MapMovedError: the route's bucket is being moved all the time.
        """
        conversion = await self.rates.conversion(search.currency, now)
        prices = await self.read_days(search.filters, Period.until(now.date(), days))
        shown = in_one_currency(prices, conversion)
        return PriceHistory(
            currency=conversion.currency,
            not_applied=search.not_in_history,
            summary=_summary(TypicalPrice.of([day.low for day in shown])) if shown else None,
            days=shown,
        )


def in_one_currency(prices: Sequence[DayPrices], conversion: Conversion) -> list[DayOfPrices]:
    """The days of prices in any number of currencies, in their order; prices without a rate are left out."""
    codes = np.array([currency_code(price.currency) for price in prices], dtype=np.int64)
    columns = (np.array([(price.low, price.last, price.high) for price in prices], dtype=np.int64).reshape(-1, 3)).T
    converted = np.array([conversion.of(column, codes) for column in columns]).T.tolist()
    known = [(one.day, one.changes, amounts) for one, amounts in zip(prices, converted, strict=True) if all(amounts)]
    return [_day(day, rows) for day, rows in groupby(known, key=lambda row: row[0])]


def _day(day: date, rows: Iterable[tuple[date, int, list[int]]]) -> DayOfPrices:
    _, changes, amounts = zip(*rows, strict=True)
    low, last, high = zip(*amounts, strict=True)
    return DayOfPrices(day=day, low=min(low), last=min(last), high=max(high), changes=sum(changes))


def _summary(price: TypicalPrice) -> PriceSummary:
    return PriceSummary(low=price.low, typical=price.typical, high=price.high, days=price.days)
