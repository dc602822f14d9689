"""A wall clock that is read every minute, and when the zones of the world change theirs.

It shares no code with what it checks.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

MINUTE = timedelta(minutes=1)
FIRST, LAST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
MINUTES_A_DAY = 1_440


@dataclass(frozen=True)
class Change:
    """When a zone changes its offset, and what its clock would have shown then and what it shows instead."""

    zone: ZoneInfo
    at: datetime
    before: datetime
    after: datetime


@cache
def changes() -> tuple[Change, ...]:
    """All changes of all zones in three years."""
    return tuple(change for name in sorted(available_timezones()) for change in _changes_of(ZoneInfo(name)))


def _changes_of(zone: ZoneInfo) -> Iterator[Change]:
    days = [FIRST + timedelta(days=day) for day in range((LAST - FIRST).days + 1)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    for i in range(len(days) - 1):
        if offsets[i] != offsets[i + 1]:
            yield _change_between(zone, days[i])


def _change_between(zone: ZoneInfo, at: datetime) -> Change:
    """Go on from an instant by hours, then by minutes, as long as the offset stays what it is."""
    old = at.astimezone(zone).utcoffset()
    assert old is not None
    for step in (timedelta(hours=1), MINUTE):
        while (at + step).astimezone(zone).utcoffset() == old:
            at += step
    at += MINUTE
    return Change(zone, at, (at + old).replace(tzinfo=None), at.astimezone(zone).replace(tzinfo=None))


class Readings:
    """What the clock of a zone shows at each minute from a start on."""

    def __init__(self, zone: ZoneInfo, start: datetime, hours: int) -> None:
        self._start = start
        first = int(start.timestamp())
        walls = [datetime.fromtimestamp(second, zone) for second in range(first, first + hours * 3_600, 60)]
        # In minutes since the beginning of our era, as the wall has it.
        self._shown = np.array([w.toordinal() * MINUTES_A_DAY + w.hour * 60 + w.minute for w in walls])

    def quiet_ends(self, quiet: tuple[time, time]) -> Callable[[datetime], datetime | None]:
        """Tell of an instant the first full minute from it on that is not quiet; None if it is not quiet then."""
        minutes = np.flatnonzero(~self._is_quiet(*quiet)).tolist()

        def end(now: datetime) -> datetime | None:
            minute = (now - self._start) // MINUTE
            found = minutes[bisect_left(minutes, minute)]
            return None if found == minute else self._start + found * MINUTE

        return end

    def comings(self, at: time) -> list[datetime]:
        """The full minutes at which the clock shows, first on its day, that time or a later one."""
        days = range(int(self._shown[0]) // MINUTES_A_DAY, int(self._shown[-1]) // MINUTES_A_DAY + 1)
        minutes = (np.argmax(self._shown >= day * MINUTES_A_DAY + _minutes(at)) for day in days)
        return [self._start + int(minute) * MINUTE for minute in minutes]

    def _is_quiet(self, start: time, end: time) -> NDArray[np.bool_]:
        shown, first, last = self._shown % MINUTES_A_DAY, _minutes(start), _minutes(end)
        if first <= last:
            return (shown >= first) & (shown < last)
        return (shown >= first) | (shown < last)


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute
