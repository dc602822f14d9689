"""Alerts put into shards past our own code, and all that shards hold."""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg

from shared.airports import cities
from shared.shard_map import ShardMap, bucket_of

Contents = dict[UUID, dict[str, Any]]
T = TypeVar("T")

_ALERT = {
    "departure_from": "2026-12-01",
    "departure_to": "2026-12-31",
    "rule": "target",
    "currency": "USD",
    "target": 20_000,
    "armed_price": 18_181,
    "initial_price": 18_181,
    "state": "active",
    "rates_date": "2026-11-20",
    "fire_seq": 0,
    "created_at": "2026-11-22T07:00:00.123456+00:00",
    "updated_at": "2026-11-22T07:00:00+00:00",
    "round_trip": True,
    "improvement": 2,
    "rearm": "recovery",
    "revision": 1,
}
# What an alert may have besides, with values that a careless copy would bend.
_MORE = {
    "state": "paused",
    "origin_airports": ["JFK", "EWR"],
    "return_from": "2026-12-05",
    "nights_min": 3,
    "weekdays": 127,
    "carriers": [],
    "last_price": 2**53 + 1,
    "last_fare": 'JFK-LHR:2026-12-24 "Größe"',
    "last_fired_at": "2026-11-22T08:00:00.000001+00:00",
    "watched_board": -(2**63),
    "watched_fare": 2**63 - 1,
    "check_at": "2026-11-22T09:00:00+00:00",
}


def routes_of(bucket: int, count: int) -> list[str]:
    """So many routes of one bucket."""
    pairs = ("-".join(pair) for pair in product(sorted(cities())[:400], repeat=2))
    return [
        route for route, _ in zip((pair for pair in pairs if bucket_of(pair) == bucket), range(count), strict=False)
    ]


async def add_alerts(url: str, route: str, count: int = 1, **columns: object) -> list[UUID]:
    """Put alerts of a route into a shard, every other one with all that an alert may have."""
    ids = [uuid4() for _ in range(count)]
    rows = [
        _ALERT
        | (_MORE if number % 2 else {})
        | {"id": str(ids[number]), "user_id": str(uuid4()), "route": route}
        | columns
        for number in range(count)
    ]
    await run(
        url,
        "INSERT INTO alerts SELECT alert.* FROM unnest($1::jsonb[]) AS content"
        " CROSS JOIN LATERAL jsonb_populate_record(NULL::alerts, content) AS alert",
        [json.dumps(row) for row in rows],
    )
    return ids


async def fill(urls: Sequence[str], buckets: Sequence[int], routes: int = 2, alerts: int = 10) -> None:
    """Put alerts of these buckets where the first map puts them; what other tests have left of histories is gone."""
    for url in urls:
        await run(url, "DELETE FROM price_history")
    shard_map = ShardMap.even(len(urls))
    for bucket in buckets:
        for route in routes_of(bucket, routes):
            await add_alerts(urls[shard_map.shards[bucket]], route, alerts)


async def contents(url: str) -> Contents:
    """Every alert of a shard, whole."""
    rows = await run(url, "SELECT * FROM alerts")
    return {row["id"]: dict(row) for row in rows}


async def of_bucket(url: str, bucket: int) -> Contents:
    """The alerts of one bucket in a shard."""
    return {alert: row for alert, row in (await contents(url)).items() if bucket_of(row["route"]) == bucket}


async def map_of(url: str) -> ShardMap:
    """The map that a shard goes by."""
    ((version, shards),) = await run(url, "SELECT map_version, shards FROM shard_state")
    return ShardMap(version, tuple(shards))


async def run(url: str, statement: str, *arguments: object) -> list[asyncpg.Record]:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(url, timeout=10, server_settings={"timezone": "UTC"})
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()


def meanwhile(work: Coroutine[Any, Any, T]) -> T:
    """Do this to its end now, from code that cannot await."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
