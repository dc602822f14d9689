"""The snapshots of rates that a shard has taken in, and which of them is in use there."""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import asyncpg

from fleet.rates.reach import Snapshot, lift, reach
from fleet.shards.connections import Shard
from shared.money import Rates

_READ: Final = "SELECT date, reference, factors::text, loaded_at FROM rates ORDER BY date"

_TAKE_IN: Final = """
INSERT INTO rates (date, reference, factors, loaded_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""

_WIDEN: Final = "UPDATE shard_state SET reach = reach * $1"

_USE: Final = "UPDATE shard_state SET rates_date = $1"
_USED_FROM_NOW: Final = "UPDATE rates SET loaded_at = clock_timestamp() WHERE date = $1"

# An edit sets the armed price later still: to count from earlier only makes the reach longer.
_SET_SINCE: Final = """
SELECT currency, min(greatest(created_at, last_fired_at)) AS since FROM alerts WHERE state = 'active' GROUP BY currency
"""
_SET_REACH: Final = "UPDATE shard_state SET reach = $1"


async def known_to(shards: Sequence[Shard]) -> dict[date, Snapshot]:
    """Every snapshot that any of the shards has taken in."""
    known: dict[date, Snapshot] = {}
    for shard in shards:
        async with shard.reached() as connection:
            known |= {snapshot.rates.date: snapshot for snapshot in await _read(connection)}
    return dict(sorted(known.items()))


async def take_in(connection: asyncpg.Connection, snapshots: Iterable[Snapshot]) -> None:
    """Make a shard know these; an alert from another shard may be at rates that this one never used."""
    rows = [(each.rates.date, each.rates.reference, _json(each.rates), each.loaded_at) for each in snapshots]
    await connection.executemany(_TAKE_IN, rows)


async def widen_reach(connection: asyncpg.Connection, before: Rates, after: Rates) -> None:
    """Set a bound that holds at either rates, whichever of them an alert is at."""
    await connection.execute(_WIDEN, float(lift(before, after, after.factors.keys())))


async def use(connection: asyncpg.Connection, day: date) -> None:
    """Make a shard use the snapshot of this day."""
    await connection.execute(_USE, day)
    await connection.execute(_USED_FROM_NOW, day)


async def settle_reach(connection: asyncpg.Connection) -> None:
    """Set what the reach comes down to once all alerts are at the rates in use."""
    set_since = {row["currency"]: row["since"] for row in await connection.fetch(_SET_SINCE)}
    await connection.execute(_SET_REACH, reach(await _read(connection), set_since))


async def _read(connection: asyncpg.Connection) -> list[Snapshot]:
    return [Snapshot(_rates(row), row["loaded_at"]) for row in await connection.fetch(_READ)]


def _rates(row: asyncpg.Record) -> Rates:
    factors = {currency: (up, down) for currency, (up, down) in json.loads(row["factors"]).items()}
    return Rates(row["date"], row["reference"], factors)


def _json(rates: Rates) -> str:
    return json.dumps(dict(rates.factors))
