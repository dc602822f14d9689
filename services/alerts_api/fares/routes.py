"""Searching for fares."""

import datetime as dt
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from services.alerts_api.fares.pages import FarePages
from services.alerts_api.fares.resources import FarePage, OrderBy, SortBy
from services.alerts_api.fares.search import MAX_DAYS, Query, Search, plan_search
from services.alerts_api.http.problems import PROBLEMS
from shared.messages.notifications import Cabin

MAX_OFFSET = 10_000


def _such_as(value: object, description: str, **rules: Any) -> QueryParameter:  # noqa: ANN401 - as the class has them
    return QueryParameter(examples=[Example(value=value)], description=description, **rules)


# Without the length `$` would let a line break through.
_CODE: dict[str, Any] = {"pattern": "^[A-Z]{3}$", "max_length": 3}
# Not `ge=0`, which Litestar leaves out of the OpenAPI document.
_FROM_ZERO: dict[str, Any] = {"gt": -1}

# The examples make sense together: instead of a window there can be a `date`, instead of `nights` a `return_date`.
Origin = Annotated[
    str, _such_as("NYC", "where to leave from: `NYC` stands for all its airports, `JFK` for itself", **_CODE)
]
Destination = Annotated[str, _such_as("LHR", "where to arrive", **_CODE)]
Day = Annotated[dt.date | None, QueryParameter(description="of the departure")]
FirstDay = Annotated[
    dt.date | None,
    _such_as("2027-06-01", f"instead of `date`, with `to`: a window of up to {MAX_DAYS} days", name="from"),
]
LastDay = Annotated[dt.date | None, _such_as("2027-06-30", "the window's last day", name="to")]
ReturnDate = Annotated[dt.date | None, QueryParameter(description="of round trips")]
Nights = Annotated[int | None, _such_as(7, "of round trips, instead of `return_date`", le=365, **_FROM_ZERO)]
InCabin = Annotated[Cabin | None, _such_as("economy", "only fares in this cabin")]
MaxStops = Annotated[int | None, _such_as(0, "how many stops at most", le=7, **_FROM_ZERO)]
Carrier = Annotated[str | None, _such_as("BA", "IATA or ICAO code of the airline", pattern=r"^[A-Z0-9]{2,3}(?!\n)$")]
Currency = Annotated[str | None, _such_as("USD", "of `converted_price`; else the reference currency", **_CODE)]
Count = Annotated[int, QueryParameter(ge=1, le=100, description="how many to give at most")]
Offset = Annotated[int, QueryParameter(le=MAX_OFFSET, description="how many to leave out first", **_FROM_ZERO)]


def _search_of(
    *,
    now: NamedDependency[dt.datetime],
    origin: Origin,
    destination: Destination,
    date: Day = None,
    from_: FirstDay = None,
    to: LastDay = None,
    return_date: ReturnDate = None,
    nights: Nights = None,
    cabin: InCabin = None,
    max_stops: MaxStops = None,
    carrier: Carrier = None,
    currency: Currency = None,
) -> Search:
    """What the parameters ask for."""
    query = Query(
        origin=origin,
        destination=destination,
        day=date,
        first_day=from_,
        last_day=to,
        return_date=return_date,
        nights=nights,
        cabin=cabin,
        max_stops=max_stops,
        carrier=carrier,
        currency=currency,
    )
    return plan_search(query, now)


_SEARCH = {"search": Provide(_search_of, sync_to_thread=False)}


@get("/fares", responses=PROBLEMS, dependencies=_SEARCH)
async def find_fares(
    search: NamedDependency[Search],
    fares: NamedDependency[FarePages],
    now: NamedDependency[dt.datetime],
    count: Count = 20,
) -> FarePage:
    """Find the cheapest fares on sale.

    They come in the order of their converted price, then of their departure. Where none is known to be on sale now,
    the last prices that we have kept come instead, and the reply says so.
    """
    return await fares.cheapest(search, count, now)


@get("/fares/latest", responses=PROBLEMS, dependencies=_SEARCH)
async def list_latest_fares(
    search: NamedDependency[Search],
    fares: NamedDependency[FarePages],
    now: NamedDependency[dt.datetime],
    count: Count = 20,
    offset: Offset = 0,
    sort_by: Annotated[SortBy, QueryParameter(name="sortBy", description="what the order goes by")] = "price",
    order_by: Annotated[OrderBy, QueryParameter(name="orderBy", description="which way it goes")] = "asc",
) -> FarePage:
    """List what was last seen of each flight, cabin and number of stops, whatever its currency.

    A fare without a converted price stands at the end of an order by price.
    """
    return await fares.latest(search, sort_by, order_by, slice(offset, offset + count), now)


FARE_ROUTES = [find_fares, list_latest_fares]
