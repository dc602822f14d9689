"""What is held for many until the same instant leaves over minutes, outside the rush at full quarters of an hour."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.deciding.spreading import spread

MINUTE = timedelta(minutes=1)
SEVEN = datetime(2026, 10, 1, 7, tzinfo=UTC)
TRAVELLERS = [UUID(int=number) for number in range(600)]


@pytest.mark.parametrize(
    ("minutes", "traveller", "leaves"),
    [
        (0, 0, timedelta(minutes=2)),
        (0, 299, timedelta(minutes=6, seconds=59)),
        (-2, 0, timedelta(minutes=2)),
        (1, 300, timedelta(minutes=2)),
        (2, 1, timedelta(minutes=2, seconds=1)),
        (5, 10, timedelta(minutes=5, seconds=10)),
        # The last second before the rush of the next quarter, and those who would come into it and after it.
        (10, 179, timedelta(minutes=12, seconds=59)),
        (10, 180, timedelta(minutes=17)),
        (10, 299, timedelta(minutes=18, seconds=59)),
        (12, 299, timedelta(minutes=20, seconds=59)),
    ],
)
def test_a_traveller_s_share_leaves_at_a_moment_of_its_own(minutes: int, traveller: int, leaves: timedelta) -> None:
    assert SEVEN + leaves == spread(SEVEN + minutes * MINUTE, UUID(int=traveller))


@settings(deadline=None)
@given(st.timedeltas(timedelta(0), timedelta(days=1)), st.uuids())
def test_it_leaves_within_nine_minutes_and_never_in_the_rush(since_seven: timedelta, user_id: UUID) -> None:
    instant = SEVEN + since_seven
    leaves = spread(instant, user_id)
    assert instant <= leaves < instant + 9 * MINUTE
    since_quarter = timedelta(minutes=leaves.minute % 15, seconds=leaves.second, microseconds=leaves.microsecond)
    assert 2 * MINUTE <= since_quarter < 13 * MINUTE


@pytest.mark.parametrize("minute", range(15))
def test_no_second_gets_more_than_its_share(minute: int) -> None:
    instants = [spread(SEVEN + minute * MINUTE, traveller) for traveller in TRAVELLERS]
    assert [instants.count(instant) for instant in sorted(set(instants))] == [2] * 300
