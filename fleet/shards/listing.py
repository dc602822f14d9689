"""Each shard in one line: what it holds, and by which map and rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from rich.table import Column, Table

from fleet.shards.connections import connected
from fleet.shards.states import all_states
from shared.shards import Shards

_COUNT: Final = """
    SELECT count(*) AS alerts, count(*) FILTER (WHERE state = 'active') AS active,
        pg_database_size(current_database()) AS bytes
    FROM alerts
"""
_MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Summary:
    """One shard; `active` are those of its alerts that can fire, `bytes` its database on disk."""

    shard: int
    buckets: int
    alerts: int
    active: int
    bytes: int
    map_version: int
    rates_date: date


async def summarize(urls: Sequence[str]) -> list[Summary]:
    """Look at every shard.

    Raises:
        UnavailableError: one cannot be reached.
        ConfigurationError: one is not migrated.
    """
    summaries = []
    async with connected(urls) as shards:
        for shard, state in zip(shards, await all_states(shards), strict=True):
            async with shard.reached() as connection:
                ((alerts, active, size),) = await connection.fetch(_COUNT)
            buckets = state.map.shards.count(shard.number)
            summaries.append(Summary(shard.number, buckets, alerts, active, size, state.map.version, state.rates_date))
    return summaries


def as_table(summaries: Sequence[Summary]) -> Table:
    """The shards as a person reads them."""
    names = ("buckets", "alerts", "active", "map", "rates of", "on disk")
    table = Table("shard", *(Column(name, justify="right") for name in names))
    for shard in summaries:
        counts = (f"{count:,}" for count in (shard.buckets, shard.alerts, shard.active, shard.map_version))
        table.add_row(Shards.name(shard.shard), *counts, str(shard.rates_date), f"{shard.bytes / _MEBIBYTE:,.0f} MiB")
    return table
