"""When a push that failed for now is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from services.notifier.telling.retrying import GIVE_UP_AFTER, next_try

FIRST = datetime(2026, 10, 1, 12, tzinfo=UTC)
JUST_IN_TIME = FIRST + GIVE_UP_AFTER - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("tries", "jitter", "seconds"),
    [(1, 0, 10), (1, 1, 15), (2, 0, 20), (3, 0.5, 50), (7, 0, 640), (7, 1, 900), (8, 0, 900), (1_000_000, 1, 900)],
)
def test_each_wait_is_twice_as_long_and_up_to_half_more_up_to_a_quarter_of_an_hour(
    tries: int, jitter: float, seconds: int
) -> None:
    assert next_try(tries, FIRST, FIRST, retry_after=None, jitter=jitter) == FIRST + timedelta(seconds=seconds)


@pytest.mark.parametrize(("retry_after", "seconds"), [(0, 10), (9, 10), (60, 60), (3_600, 3_600)])
def test_it_waits_as_long_as_the_gateway_asks_and_no_shorter_than_otherwise(retry_after: float, seconds: int) -> None:
    assert next_try(1, FIRST, FIRST, retry_after=retry_after, jitter=0) == FIRST + timedelta(seconds=seconds)


def test_the_last_try_is_at_the_end_of_an_hour_and_after_it_comes_none() -> None:
    last = FIRST + GIVE_UP_AFTER
    assert timedelta(minutes=60) == GIVE_UP_AFTER
    assert next_try(5, FIRST, JUST_IN_TIME, retry_after=None, jitter=0) == last
    assert next_try(5, FIRST, last, retry_after=None, jitter=0) is None


def test_what_may_not_be_tried_again_within_the_hour_is_given_up() -> None:
    assert next_try(1, FIRST, JUST_IN_TIME, retry_after=2, jitter=0) is None
