"""A traveller's alerts in some order, gathered from all shards at once, a page at a time."""

from dataclasses import dataclass
from itertools import product
from typing import Annotated, Final, Literal, get_args
from uuid import UUID

import asyncpg
from msgspec import Meta, Struct

from services.alerts_api.alerts.reading import REFERENCE, read
from services.alerts_api.alerts.resources import State
from services.alerts_api.alerts.stored import SeenAlert
from shared.alerts.rules import UNSET
from shared.shards import Shards

SortBy = Literal["created_at", "updated_at", "armed_price", "departure_from"]
OrderBy = Literal["asc", "desc"]

# What an order goes by, as integers, which a cursor carries without loss: times and dates as µs since 1970.
_RANK: Final = {
    sort_by: "armed_price" if sort_by == "armed_price" else f"(extract(epoch FROM {sort_by}) * 1000000)::bigint"
    for sort_by in get_args(SortBy)
}
_BEHIND: Final = {"asc": ">", "desc": "<"}
_WANTED: Final = "user_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR route = $3)"


def _query(sort_by: SortBy, order_by: OrderBy) -> str:
    """A row for each alert of the page, each with the number of all; one without an alert if there is none."""
    return f"""
        SELECT total, {REFERENCE}, page.*
        FROM (SELECT count(*) AS total FROM alerts WHERE {_WANTED}) AS counted
        LEFT JOIN (
            SELECT *, {_RANK[sort_by]} AS rank FROM alerts
            WHERE {_WANTED} AND ($4::bigint IS NULL OR ({_RANK[sort_by]}, id) {_BEHIND[order_by]} ($4, $5::uuid))
            ORDER BY rank {order_by}, id {order_by}
            LIMIT $6
        ) AS page ON true
    """  # noqa: S608  # put together from what stands above


_QUERIES: Final = {
    (sort_by, order_by): _query(sort_by, order_by) for sort_by, order_by in product(get_args(SortBy), get_args(OrderBy))
}


class Listing(Struct, frozen=True, array_like=True):
    """Which alerts to list, in which order; those of the same rank stand in the order of their ids."""

    sort_by: SortBy = "created_at"
    order_by: OrderBy = "desc"
    state: State | None = None
    route: str | None = None


class PageEnd(Struct, frozen=True, array_like=True):
    """Where a page of a listing ended."""

    listing: Listing
    rank: Annotated[int, Meta(ge=0, le=UNSET)]
    alert_id: UUID


@dataclass(frozen=True, slots=True)
class Page:
    """Some alerts of how many there are in all; where it ended, if more follow."""

    total: int
    alerts: list[SeenAlert]
    end: PageEnd | None


async def read_page(
    shards: Shards, user_id: UUID, listing: Listing, count: int, offset: int, after: PageEnd | None
) -> Page:
    """Read `count` alerts, without the first `offset` of those after a position.

    Raises:
        UnavailableError: a shard is away.
    """
    end = (after.rank, after.alert_id) if after else (None, None)
    most = offset + count + 1  # any shard may hold all that is wanted; the one more tells that others follow
    arguments = (user_id, listing.state, listing.route, *end, most)
    query = _QUERIES[listing.sort_by, listing.order_by]
    parts = await shards.on_each(lambda shard: read(shards, shard, query, *arguments))
    found = [row for part in parts for row in part if row["id"]]
    # One that moves from a shard asked early to one asked late is seen twice.
    alone = {row["id"]: row for row in sorted(found, key=lambda row: int(row["revision"]))}
    total = sum(part[0]["total"] for part in parts) - (len(found) - len(alone))
    return _page(listing, total, sorted(alone.values(), key=_place, reverse=listing.order_by == "desc"), count, offset)


def _page(listing: Listing, total: int, rows: list[asyncpg.Record], count: int, offset: int) -> Page:
    page = rows[offset : offset + count]
    more = len(rows) > offset + count
    seen = [SeenAlert(dict(row), row["reference"]) for row in page]
    return Page(total, seen, PageEnd(listing, *_place(page[-1])) if more else None)


def _place(row: asyncpg.Record) -> tuple[int, UUID]:
    return row["rank"], row["id"]
