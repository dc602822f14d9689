"""Partitions of coming days and months are made, and those of days and months long past are taken out or dropped.

A partition is made beside its table and then attached, so that whoever writes there goes on; `CREATE TABLE ...
PARTITION OF` would lock them out. It is taken out with a plain DETACH, which locks them out for a moment: PostgreSQL
refuses DETACH ... CONCURRENTLY where there is a default partition.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

DAYS_AHEAD: Final = 14
# Fares depart up to 732 days ahead, so up to 25 months; the others are for the time until the next migration.
MONTHS_AHEAD: Final = 27
# On the first of a month it is still the last of the one before in some places, and in some queues.
MONTHS_BEHIND: Final = 1

_DAYS: Final = "notifications_"  # and the day
_MONTHS: Final = "price_history_"  # and the month

_ATTACHED_DAYS: Final = """
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = CAST('notifications' AS regclass) AND relname ~ '^notifications_[0-9]{8}$'
"""
_DETACHED_DAYS: Final = """
    SELECT relname FROM pg_class
    WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r' AND NOT relispartition
    AND relname ~ '^notifications_[0-9]{8}$'
"""
ATTACHED_MONTHS: Final = """
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = CAST('price_history' AS regclass) AND relname ~ '^price_history_[0-9]{6}$'
"""


class Span(NamedTuple):
    """What a partition holds: the days from the first to the one before `end`."""

    partition: str
    first: date
    end: date

    @property
    def bounds(self) -> str:
        """The same in SQL."""
        return f"FOR VALUES FROM ('{self.first}') TO ('{self.end}')"


class Made(NamedTuple):
    """The partitions that were made, and how many rows came out of the default into them."""

    partitions: list[str]
    moved: int = 0


async def make_notification_days(connection: AsyncConnection, today: date) -> Made:
    """Give notifications a partition for each of the coming days, and for each day that the default holds already.

    The default is locked first: nothing of that day may slip into it before the partition is attached. A day that
    was taken out stays out, and what comes of it later stays in the default.
    """
    last = today + timedelta(days=DAYS_AHEAD - 1)
    late = await connection.scalars(
        text("SELECT DISTINCT fired_on FROM notifications_default WHERE fired_on < :last"), {"last": last}
    )
    coming = (today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD))
    missing = await _missing(connection, map(_day, sorted({*coming, *late})))
    moved = 0
    for span in missing:
        await connection.execute(text("LOCK TABLE notifications_default IN ACCESS EXCLUSIVE MODE"))
        await connection.execute(text(f"CREATE TABLE {span.partition} (LIKE notifications INCLUDING ALL)"))
        moved += (await connection.execute(text(_move_in(span)))).rowcount
        await connection.execute(text(f"ALTER TABLE notifications ATTACH PARTITION {span.partition} {span.bounds}"))
    return Made([span.partition for span in missing], moved)


async def make_history_months(connection: AsyncConnection, today: date) -> Made:
    """Give the price history a partition for each month in which a fare that is on sale now may depart."""
    this = _number(today)
    coming = range(this - MONTHS_BEHIND, this + MONTHS_AHEAD + 1)
    return await make_months(connection, (_month(number).partition for number in coming))


async def make_months(connection: AsyncConnection, partitions: Iterable[str]) -> Made:
    """Give the price history these partitions, such as `price_history_202612`, where it does not have them yet."""
    missing = await _missing(connection, map(_span_of_month, partitions))
    for span in missing:
        await connection.execute(text(f"CREATE TABLE {span.partition} (LIKE price_history INCLUDING ALL)"))
        await connection.execute(text(f"ALTER TABLE price_history ATTACH PARTITION {span.partition} {span.bounds}"))
    return Made([span.partition for span in missing])


async def drop_months_before(connection: AsyncConnection, today: date, kept: int) -> list[str]:
    """Drop the months of the history whose departures are over for more than so many months; returns their tables."""
    first_kept = _month(_number(today) - kept).partition
    past = sorted(name for name in await connection.scalars(text(ATTACHED_MONTHS)) if name < first_kept)
    for month in past:
        await connection.execute(text(f"DROP TABLE {month}"))
    return past


async def detach_days_before(connection: AsyncConnection, first: date) -> list[str]:
    """Take days of notifications out of their table; each stays as a table of its own, whose name is returned."""
    past = _days_before(first, await connection.scalars(text(_ATTACHED_DAYS)))
    for day in past:
        await connection.execute(text(f"ALTER TABLE notifications DETACH PARTITION {day}"))
    return past


async def drop_days_before(connection: AsyncConnection, first: date) -> list[str]:
    """Drop days that were taken out; returns the names of their tables."""
    past = _days_before(first, await connection.scalars(text(_DETACHED_DAYS)))
    for day in past:
        await connection.execute(text(f"DROP TABLE {day}"))
    return past


async def in_default(connection: AsyncConnection) -> int:
    """How many notifications are in no partition of their day."""
    return int(await connection.scalar(text("SELECT count(*) FROM notifications_default")) or 0)


def _day(day: date) -> Span:
    return Span(f"{_DAYS}{day:%Y%m%d}", day, day + timedelta(days=1))


def _days_before(first: date, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if date.fromisoformat(name.removeprefix(_DAYS)) < first)


def _number(day: date) -> int:
    """The month of a day, counted from the year 0."""
    return day.year * 12 + day.month - 1


def _month(number: int) -> Span:
    first = _first_of(number)
    return Span(f"{_MONTHS}{first:%Y%m}", first, _first_of(number + 1))


def _span_of_month(partition: str) -> Span:
    name = partition.removeprefix(_MONTHS)
    return _month(_number(date(int(name[:4]), int(name[4:]), 1)))


def _first_of(month: int) -> date:
    """The first day of a month, counted from the year 0."""
    return date(month // 12, month % 12 + 1, 1)


async def _missing(connection: AsyncConnection, spans: Iterable[Span]) -> list[Span]:
    """The spans that have no table yet, attached or not."""
    tables = text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    there = set(await connection.scalars(tables))
    return [span for span in spans if span.partition not in there]


def _move_in(span: Span) -> str:
    return (
        f"WITH moved AS (DELETE FROM notifications_default WHERE fired_on = '{span.first}' RETURNING *)"  # noqa: S608  # a date
        f" INSERT INTO {span.partition} SELECT * FROM moved"
    )
