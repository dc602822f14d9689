"""When a wall clock shows a time of day, in every zone and around every change of its clock.

`FARELARK_WALL_CLOCK_SWEEP=1` reads every clock at every minute of the hours around each change.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import pairwise, permutations
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.deciding.wall_clock import next_at, quiet_until
from tests.unit.wall_clock_model import FIRST, LAST, MINUTE, Change, Readings, changes

SWEEP = bool(os.environ.get("FARELARK_WALL_CLOCK_SWEEP"))
pytestmark = pytest.mark.timeout(900 if SWEEP else 120)  # the sweep is twelve million questions

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = (time(22), time(7, 30))

# Minutes from a change of the clock: the edges of the hours around it, and odd ones between.
AROUND = range(-240, 240) if SWEEP else (-240, -60, -31, -30, -1, 0, 1, 29, 30, 60, 61, 180)

times = st.times().map(lambda at: at.replace(second=0, microsecond=0))
instants = st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC))
zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@cache
def readings_around(change: Change) -> Readings:
    return Readings(change.zone, change.at - timedelta(hours=4), hours=34)


def nearby(change: Change) -> list[time]:
    """The times at which the clock leaves and resumes, one between, one before and one after."""
    early, late = sorted((change.before, change.after))
    walls = (early - 30 * MINUTE, early, early + (late - early) / 2, late, late + 30 * MINUTE)
    return [wall.time() for wall in walls]


def instants_around(change: Change) -> Iterator[datetime]:
    return (change.at + minutes * MINUTE for minutes in AROUND)


def first_after(now: datetime, comings: list[datetime]) -> datetime:
    return next(instant for instant in comings if instant > now)


@pytest.mark.parametrize(
    ("now", "quiet", "end"),
    [
        ("2026-10-01T21:59", (time(9), time(17)), None),
        ("2026-10-01T19:59:59.999999", NIGHT, None),
        ("2026-10-01T20:00", NIGHT, "2026-10-02T05:30"),
        ("2026-10-02T05:29:59.999999", NIGHT, "2026-10-02T05:30"),
        ("2026-10-02T05:30", NIGHT, None),
        ("2026-10-02T12:00", (time(13), time(15)), "2026-10-02T13:00"),
        ("2026-10-02T12:00", (time(14), time(14)), None),
        ("2026-10-02T12:00", (time(14), time(13, 59)), "2026-10-03T11:59"),
        # The night in which 02:00 is followed by 03:00 at 01:00 UTC.
        ("2026-03-28T22:00", NIGHT, "2026-03-29T05:30"),
        ("2026-03-29T00:45", (time(1), time(2, 30)), "2026-03-29T01:00"),
        ("2026-03-29T00:45:00.5", (time(1), time(2, 30)), "2026-03-29T01:00"),
        ("2026-03-29T00:45", (time(1), time(3)), "2026-03-29T01:00"),
        ("2026-03-29T00:45", (time(1), time(3, 10)), "2026-03-29T01:10"),
        ("2026-03-29T01:00", (time(2), time(2, 30)), None),
        # The night in which 03:00 is 02:00 again at 01:00 UTC.
        ("2026-10-24T22:00", NIGHT, "2026-10-25T06:30"),
        ("2026-10-25T00:15", (time(2), time(2, 30)), "2026-10-25T00:30"),
        ("2026-10-25T00:45", (time(2), time(2, 30)), None),
        ("2026-10-25T01:15", (time(2), time(2, 30)), "2026-10-25T01:30"),
        ("2026-10-25T00:15", (time(2), time(3)), "2026-10-25T02:00"),
        ("2026-10-25T00:45", (time(2, 30), time(3, 30)), "2026-10-25T01:00"),
    ],
)
def test_quiet_hours_in_berlin(now: str, quiet: tuple[time, time], end: str | None) -> None:
    assert (end and utc(end)) == quiet_until(utc(now), BERLIN, quiet)


def test_quiet_hours_end_when_a_clock_that_is_read_every_minute_says_so() -> None:
    """In every zone, around every change of its clock in three years, wherever the hours begin and end in it."""
    wrong = [
        (change.zone.key, now, quiet)
        for change in changes()
        for readings in [readings_around(change)]
        for quiet in (NIGHT, *permutations(nearby(change), 2))
        for end in [readings.quiet_ends(quiet)]
        for now in instants_around(change)
        if end(now) != quiet_until(now, change.zone, quiet)
    ]
    assert wrong == []


def test_a_time_of_day_comes_when_a_clock_that_is_read_every_minute_says_so() -> None:
    """In every zone, around every change of its clock in three years."""
    wrong = [
        (change.zone.key, now, at)
        for change in changes()
        for readings in [readings_around(change)]
        for at in (time(0), time(7, 30), *nearby(change))
        for comings in [readings.comings(at)]
        for now in instants_around(change)
        if first_after(now, comings) != next_at(now, change.zone, at)
    ]
    assert wrong == []


def test_the_changes_that_are_checked_lead_over_gaps_and_folds_and_midnight() -> None:
    jumps = {(change.after - change.before) // MINUTE for change in changes()}
    assert jumps >= {-120, -60, -30, 30, 60, 120}
    assert any(change.before.date() != change.after.date() for change in changes())


def test_no_zone_changes_its_clock_twice_within_two_days() -> None:
    """What the search for a change takes for granted."""
    near = [
        one for one, other in pairwise(changes()) if one.zone is other.zone and other.at - one.at < timedelta(days=2)
    ]
    assert near == []


@settings(deadline=None)
@given(instants, zones, times, times)
def test_quiet_hours_at_any_instant(now: datetime, zone: ZoneInfo, start: time, end: time) -> None:
    minute = now.replace(second=0, microsecond=0)
    expected = Readings(zone, minute, hours=27).quiet_ends((start, end))(minute)
    assert expected == quiet_until(now, zone, (start, end))


@settings(deadline=None)
@given(instants, zones, times)
def test_a_time_of_day_at_any_instant(now: datetime, zone: ZoneInfo, at: time) -> None:
    start = now.replace(second=0, microsecond=0) - timedelta(hours=3)
    assert first_after(now, Readings(zone, start, hours=54).comings(at)) == next_at(now, zone, at)


@pytest.mark.parametrize(
    ("now", "at", "expected"),
    [
        ("2026-10-01T10:00", time(18), "2026-10-01T16:00"),
        ("2026-10-01T16:00", time(18), "2026-10-02T16:00"),
        ("2026-10-01T22:30", time(0, 15), "2026-10-02T22:15"),
        # 02:30 does not come on this day, and comes twice on that one.
        ("2026-03-28T12:00", time(2, 30), "2026-03-29T01:00"),
        ("2026-03-29T01:00", time(2, 30), "2026-03-30T00:30"),
        ("2026-10-24T12:00", time(2, 30), "2026-10-25T00:30"),
        ("2026-10-25T00:30", time(2, 30), "2026-10-26T01:30"),
        ("2026-10-25T01:15", time(2, 30), "2026-10-26T01:30"),
    ],
)
def test_a_time_of_day_in_berlin(now: str, at: time, expected: str) -> None:
    assert utc(expected) == next_at(utc(now), BERLIN, at)
