"""A fare as a search finds it, with what is said of where it comes from, and what fares have cost."""

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.alerts_api.alerts.resources import Money
from shared.messages.notifications import Cabin

SortBy = Literal["price", "observed_at", "departure_date"]
OrderBy = Literal["asc", "desc"]

Reason = Literal["live_fares_disabled", "live_fares_unavailable", "too_few_live_fares"]
Narrowing = Literal["origin", "destination", "max_stops", "carrier"]


class FoundFare(Struct, frozen=True, kw_only=True):
    """A fare that a search has found.

    `converted_price` is at today's rates, null if there is none for the fare's currency. From the history come
    cities instead of airports, and neither flight nor stops; `observed_at` is then when the price was new.
    """

    origin: str
    destination: str
    departure_date: date
    return_date: date | None
    carrier: str | None
    flight_number: str | None
    departure_time: str | None
    cabin: Cabin
    stops: int | None
    price: Money
    converted_price: Money | None
    observed_at: datetime
    age_seconds: int
    fresh: bool


class FarePage(Struct, frozen=True, kw_only=True):
    """Some of the fares that a search has found, and how many there are in all.

    `source` says whether they are on sale as far as we know (`live`), or are the last prices that we have kept
    (`history`); `reason` is then why, and `not_applied` names what of the search the history cannot tell apart.
    """

    source: Literal["live", "history"]
    reason: Reason | None
    not_applied: list[Narrowing]
    total: int
    resources: list[FoundFare]


class DayOfPrices(Struct, frozen=True, kw_only=True):
    """What all that was asked for cost on a day (UTC), in minor units.

    `low` is the best price of the day and `high` the worst; `last` is the best of those with which it ended.
    `changes` counts the prices that were new; with none the others are those that still stood.
    """

    day: date
    low: int
    last: int
    high: int
    changes: int


class PriceSummary(Struct, frozen=True, kw_only=True):
    """What the best price of a day was, in minor units: at `low` or below on one day in ten.

    At `typical` or below on every other day, at `high` or below on nine in ten.
    """

    low: int
    typical: int
    high: int
    days: Annotated[int, Meta(ge=1, description="how many days count")]


class PriceHistory(Struct, frozen=True, kw_only=True):
    """What fares have cost: all in one currency, at today's rates, by day.

    `summary` is null if no price is known. The history knows cities, dates and cabins: `not_applied` names what of the
    search it cannot tell apart.
    """

    currency: str
    not_applied: list[Narrowing]
    summary: PriceSummary | None
    days: list[DayOfPrices]
