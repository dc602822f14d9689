"""Searching for fares, and for what they have cost."""

import datetime as dt
from dataclasses import replace
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from services.alerts_api.fares.charts import PriceCharts
from services.alerts_api.fares.pages import FarePages
from services.alerts_api.fares.parameters import FROM_ZERO, Carrier, MaxStops, query_of
from services.alerts_api.fares.resources import FarePage, OrderBy, PriceHistory, SortBy
from services.alerts_api.fares.search import Query, Search, plan_search
from services.alerts_api.http.problems import PROBLEMS
from shared.price_history.percentiles import RECENT_DAYS

MAX_OFFSET = 10_000
# Fares are on sale for about a year before they depart.
MAX_DAYS_BACK = 365

Count = Annotated[int, QueryParameter(ge=1, le=100, description="how many to give at most")]
Offset = Annotated[int, QueryParameter(le=MAX_OFFSET, description="how many to leave out first", **FROM_ZERO)]
DaysBack = Annotated[int, QueryParameter(ge=1, le=MAX_DAYS_BACK, description="how many days to look back, with today")]


def _search_of(
    *,
    now: NamedDependency[dt.datetime],
    asked: NamedDependency[Query],
    max_stops: MaxStops = None,
    carrier: Carrier = None,
) -> Search:
    """What the parameters ask for."""
    return plan_search(replace(asked, max_stops=max_stops, carrier=carrier), now)


_ASKED = {"asked": Provide(query_of, sync_to_thread=False)}
_SEARCH = {**_ASKED, "search": Provide(_search_of, sync_to_thread=False)}


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


@get("/fares/history", responses=PROBLEMS, dependencies=_ASKED)
async def chart_prices(
    asked: NamedDependency[Query],
    charts: NamedDependency[PriceCharts],
    now: NamedDependency[dt.datetime],
    days: DaysBack = RECENT_DAYS,
) -> PriceHistory:
    """Chart what fares have cost, day by day, and sum up what is low, typical and high.

    A day on which no price changed is there too, with the prices that still stood: those of up to two weeks before.
    Older ones are taken for gone, and a day without any price is left out.
    """
    return await charts.chart(plan_search(asked, now), days, now)


FARE_ROUTES = [find_fares, list_latest_fares, chart_prices]
