"""How many days the partitions that are there will do: the metric and the alert for a schedule that has stopped."""

import asyncio
from contextlib import suppress
from datetime import date, timedelta
from typing import Final

import asyncpg

from shared.shards import Shards

_TIMEOUT_S: Final = 2.0
_NAMES: Final = """
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = to_regclass($1) AND relname ~ ('^' || $1 || '_[0-9]+$')
"""


async def days_ahead(accounts_url: str, shard_urls: list[str], today: date) -> dict[tuple[str, str], int]:
    """For each (database, table): the days from today that have a partition, without a gap; 0 is none, not even today.

    A database that cannot be reached is left out.
    """
    places = [("accounts", accounts_url, "notifications")]
    places += [(Shards.name(number), url, "price_history") for number, url in enumerate(shard_urls)]
    found = await asyncio.gather(*(_days_if_there(url, table, today) for _, url, table in places))
    return {(name, table): days for (name, _, table), days in zip(places, found, strict=True) if days is not None}


async def _days_if_there(url: str, table: str, today: date) -> int | None:
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return await _days(url, table, today)
    return None


async def _days(url: str, table: str, today: date) -> int:
    async with asyncio.timeout(_TIMEOUT_S):
        connection = await asyncpg.connect(url)
        try:
            names = [row["relname"] for row in await connection.fetch(_NAMES, table)]
        finally:
            connection.terminate()  # a frozen server would let us wait for its goodbye
    return days_covered({name.rpartition("_")[2] for name in names}, today)


def days_covered(suffixes: set[str], today: date) -> int:
    """How many days from today on lie in partitions named by day (`20261122`) or month (`202611`), without a gap."""
    day = today
    while f"{day:%Y%m%d}" in suffixes or f"{day:%Y%m}" in suffixes:
        day += timedelta(days=1)
    return (day - today).days
