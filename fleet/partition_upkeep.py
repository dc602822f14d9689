"""Keeps the partitions of all databases: what a schedule has done once a day, any number of times, by any number.

Each step is a transaction of its own that gives way soon to whoever is at work on the table, and is tried again.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, TypeVar

import stamina
from sqlalchemy.ext.asyncio import AsyncConnection

from fleet.partitions import (
    detach_days_before,
    drop_days_before,
    drop_months_before,
    in_default,
    make_history_months,
    make_notification_days,
)
from fleet.schema_changes import TableLockedError, changing_schema
from shared.shards import Shards

_ACCOUNTS: Final = "accounts"
# While it waits for a table, nobody is told anything.
_LOCK_TIMEOUT: Final = "1s"
_ATTEMPTS: Final = 10
# The erasure of an account does not reach a day that was taken out: it must not stay for long.
_DROPPED_AFTER: Final = timedelta(days=30)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What was done.

    Attributes:
        made: partitions of coming days and months, by database, and of days that the default held.
        moved: notifications that came out of the default into a partition of their day.
        detached: days of notifications that were taken out; each is a table of its own now.
        dropped: days that had been taken out before.
        months_dropped: months of the price history, by shard.
        in_default: notifications that are still in no partition of their day.
    """

    made: dict[str, list[str]]
    moved: int
    detached: list[str]
    dropped: list[str]
    months_dropped: dict[str, list[str]]
    in_default: int


@dataclass(frozen=True, slots=True)
class Kept:
    """How long a day of notifications stays in its table, and how many months of the history after their departures."""

    days: timedelta
    months: int


async def keep_partitions(
    accounts_url: str, shard_urls: Sequence[str], today: date, kept: Kept, *, drop: bool
) -> Upkeep:
    """Make partitions ahead, and take out what is older than it must be.

    Args:
        accounts_url: straight to the server, not to a PgBouncer; so are `shard_urls`.
        shard_urls: in the order of the shard map.
        today: in UTC.
        kept: how old what is kept may become.
        drop: whether to drop the days that should have been taken out a month ago, and were by then; and the months
            that are older than they must be, which are not taken out first: nobody's data is in them.

    Raises:
        UnavailableError: a server cannot be reached.
        TableLockedError: somebody holds a lock for long; what was done before stays done.
    """
    first_kept = today - kept.days
    made = await _change(_ACCOUNTS, accounts_url, lambda connection: make_notification_days(connection, today))
    months = await _on_each(shard_urls, lambda connection: make_history_months(connection, today))
    dropped: list[str] = []
    months_dropped: dict[str, list[str]] = {}
    if drop:
        last_dropped = first_kept - _DROPPED_AFTER
        dropped = await _change(_ACCOUNTS, accounts_url, lambda connection: drop_days_before(connection, last_dropped))
        months_dropped = await _on_each(
            shard_urls, lambda connection: drop_months_before(connection, today, kept.months)
        )
    detached = await _change(_ACCOUNTS, accounts_url, lambda connection: detach_days_before(connection, first_kept))
    return Upkeep(
        made={_ACCOUNTS: made.partitions} | {shard: of_shard.partitions for shard, of_shard in months.items()},
        moved=made.moved,
        detached=detached,
        dropped=dropped,
        months_dropped=months_dropped,
        in_default=await _change(_ACCOUNTS, accounts_url, in_default),
    )


async def _on_each(
    shard_urls: Sequence[str], change: Callable[[AsyncConnection], Awaitable[Result]]
) -> dict[str, Result]:
    """What came of a change of each shard, one after the other, by its name."""
    return {
        Shards.name(number): await _change(Shards.name(number), url, change) for number, url in enumerate(shard_urls)
    }


async def _change(database: str, url: str, change: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
    async for attempt in stamina.retry_context(on=TableLockedError, attempts=_ATTEMPTS, timeout=None):
        with attempt:
            async with changing_schema(database, url, _LOCK_TIMEOUT) as connection:
                return await change(connection)
    raise AssertionError("the last attempt returns or raises")
