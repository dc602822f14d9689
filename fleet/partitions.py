"""Makes the partitions of coming days and months beside their tables, so that whoever writes there goes on.

`CREATE TABLE ... PARTITION OF` would lock them out; a table that is made alone and then attached does not.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

DAYS_AHEAD: Final = 14
# Fares depart up to 732 days ahead, so up to 25 months; the others are for the time until the next migration.
MONTHS_AHEAD: Final = 27
# On the first of a month it is still the last of the one before in some places, and in some queues.
MONTHS_BEHIND: Final = 1


class Span(NamedTuple):
    """What a partition holds: the days from the first to the one before `end`."""

    partition: str
    first: date
    end: date

    @property
    def bounds(self) -> str:
        """The same in SQL."""
        return f"FOR VALUES FROM ('{self.first}') TO ('{self.end}')"


async def make_notification_days(connection: AsyncConnection, today: date) -> None:
    """Give notifications a partition for each of the coming days, and move in what the default holds of it.

    The default is locked first: nothing of that day may slip into it before the partition is attached.
    """
    for span in await _missing(connection, "notifications", _days(today)):
        await connection.execute(text("LOCK TABLE notifications_default IN ACCESS EXCLUSIVE MODE"))
        await connection.execute(text(f"CREATE TABLE {span.partition} (LIKE notifications INCLUDING ALL)"))
        await connection.execute(text(_move_in(span)))
        await connection.execute(text(f"ALTER TABLE notifications ATTACH PARTITION {span.partition} {span.bounds}"))


async def make_history_months(connection: AsyncConnection, today: date) -> None:
    """Give the price history a partition for each month in which a fare that is on sale now may depart."""
    for span in await _missing(connection, "price_history", _months(today)):
        await connection.execute(text(f"CREATE TABLE {span.partition} (LIKE price_history INCLUDING ALL)"))
        await connection.execute(text(f"ALTER TABLE price_history ATTACH PARTITION {span.partition} {span.bounds}"))


def _days(today: date) -> Iterator[Span]:
    for ahead in range(DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        yield Span(f"notifications_{day:%Y%m%d}", day, day + timedelta(days=1))


def _months(today: date) -> Iterator[Span]:
    this = today.year * 12 + today.month - 1
    for month in range(this - MONTHS_BEHIND, this + MONTHS_AHEAD + 1):
        first = _first_of(month)
        yield Span(f"price_history_{first:%Y%m}", first, _first_of(month + 1))


def _first_of(month: int) -> date:
    """The first day of a month, counted from the year 0."""
    return date(month // 12, month % 12 + 1, 1)


async def _missing(connection: AsyncConnection, table: str, spans: Iterator[Span]) -> Sequence[Span]:
    partitions = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:name AS regclass)")
    there = set(await connection.scalars(partitions, {"name": table}))
    return [span for span in spans if span.partition not in there]


def _move_in(span: Span) -> str:
    return (
        f"WITH moved AS (DELETE FROM notifications_default WHERE fired_on = '{span.first}' RETURNING *)"  # noqa: S608  # a date
        f" INSERT INTO {span.partition} SELECT * FROM moved"
    )
