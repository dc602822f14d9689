"""When a wall clock shows a time of day, whatever its zone does to it: it jumps over a gap and repeats a fold. Pure.

Instants are in UTC, and no zone changes its offset twice within a day.
"""

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


def quiet_until(now: datetime, zone: ZoneInfo, quiet: tuple[time, time]) -> datetime | None:
    """Return the first instant from now on at which it is not quiet in a zone, or None if it is not quiet now.

    Args:
        now: in UTC.
        zone: whose wall clock counts. A fold that leads back into quiet hours makes it quiet again, and a gap that
            jumps over their end ends them.
        quiet: as in `is_within`.
    """
    wall = now.astimezone(zone).time()
    if not is_within(wall, quiet):
        return None
    end = now + _running(wall, quiet[1])
    if _offset(end, zone) == _offset(now, zone):
        return end
    change = _offset_change(now, end, zone)
    return quiet_until(change, zone, quiet) or change


def is_within(wall: time, hours: tuple[time, time]) -> bool:
    """Whether a time lies from the first to just before the second; over midnight if the second is earlier."""
    start, end = hours
    return start <= wall < end if start <= end else wall >= start or wall < end


def next_at(now: datetime, zone: ZoneInfo, at: time) -> datetime:
    """Return the next instant after now at which the wall clock of a zone shows a time of day.

    Once for each day: in a gap it is the first instant after the gap, in a fold the first of the two.
    """
    today = now.astimezone(zone).date()
    instants = (_first_at(today + days * _DAY, at, zone) for days in count())
    return next(instant for instant in instants if instant > now)


def _first_at(day: date, at: time, zone: ZoneInfo) -> datetime:
    before, after = (datetime.combine(day, at.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1))
    # By the offset before a gap a time within it comes after the gap, by the one after it before.
    return before if before <= after else _offset_change(after, before, zone)


def _offset_change(start: datetime, end: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant at which the zone's offset changes, between two that differ in it; zoneinfo does not tell."""
    before = _offset(start, zone)
    start = start.replace(microsecond=0)  # changes come at full seconds
    seconds = range(int((end - start).total_seconds()) + 1)
    changed = bisect_left(
        seconds, x=True, key=lambda second: _offset(start + timedelta(seconds=second), zone) != before
    )
    return start + timedelta(seconds=changed)


def _running(wall: time, to: time) -> timedelta:
    """Return how long a clock that nobody changes takes from one time to the next such other."""
    return (datetime.combine(date.min, to) - datetime.combine(date.min, wall)) % _DAY


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta | None:
    return instant.astimezone(zone).utcoffset()
