"""The fleet's schedule of pushes on a real Redis, mostly by a clock that the test moves."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from redis.asyncio import Redis

from services.notifier.fcm.pacing import FleetPacer
from services.notifier.fcm.schedule import PushSchedule, Slice
from shared.errors import UnavailableError
from tests.private_servers import Servers

FULL, RAMP_S = 9_000, 6
FOOT = 900
SLOPE = (FULL - FOOT) / RAMP_S
START = 1_800_000_000_000_000
SECOND = 1_000_000

Open = Callable[..., PushSchedule]


@pytest.fixture
async def schedule_at(servers: Servers, redis: Redis) -> AsyncIterator[Open]:
    """Opens schedules of an empty Redis, as each notifier has one."""
    assert redis
    async with AsyncExitStack() as closing:

        def open_one(full: int = FULL, ramp: int = RAMP_S) -> PushSchedule:
            schedule = PushSchedule(servers.redis.url, full, ramp)
            closing.push_async_callback(schedule.close)
            return schedule

        yield open_one


@pytest.fixture
def schedule(schedule_at: Open) -> PushSchedule:
    return schedule_at()


def end_of(slice_: Slice) -> float:
    return slice_.begins_at + slice_.permits / slice_.rate * SECOND


def dues(slices: list[Slice]) -> Iterator[float]:
    """The instants at which the permits fall due."""
    for slice_ in slices:
        for number in range(slice_.permits):
            yield slice_.begins_at + number / slice_.rate * SECOND


async def book_for(schedule: PushSchedule, seconds: float, begin: int = START) -> list[Slice]:
    """Book all that is to be had in that time, a slice when the one before begins."""
    slices: list[Slice] = []
    now = begin
    while now < begin + seconds * SECOND:
        slices.append(await schedule.book(1_000, now))
        now = slices[-1].begins_at
    return slices


async def test_the_first_permit_of_all_falls_due_at_once(schedule: PushSchedule) -> None:
    assert await schedule.book(1, START) == Slice(1, START, 0.0, FOOT)


async def test_nobody_gets_more_than_he_wants_nor_more_than_20_ms_take(schedule: PushSchedule) -> None:
    assert (await schedule.book(5, START)).permits == 5
    assert (await schedule.book(1_000, START)).permits == FOOT // 50


async def test_a_slice_begins_where_the_one_before_ends(schedule_at: Open) -> None:
    one, other = schedule_at(), schedule_at()
    first = await one.book(9, START)
    second = await other.book(9, START)
    assert second.begins_at == first.begins_at + 10_000
    assert second.begins_in == 0.01


async def test_in_full_use_the_rate_climbs_evenly_from_a_tenth_to_the_whole(schedule: PushSchedule) -> None:
    slices = await book_for(schedule, RAMP_S + 1)
    sent = 0
    for slice_ in slices:
        elapsed = (slice_.begins_at - START) / SECOND
        climbing = min(elapsed, RAMP_S)
        allowed = FOOT * climbing + SLOPE * climbing**2 / 2 + FULL * (elapsed - climbing)
        assert 0.98 * allowed - 1 <= sent <= allowed + 1, elapsed
        sent += slice_.permits
    assert slices[-1].rate == FULL


async def test_no_second_and_so_no_minute_is_front_loaded(schedule: PushSchedule) -> None:
    slices = await book_for(schedule, RAMP_S + 3)
    per_tenth = Counter(int((due - START) * 10 // SECOND) for due in dues(slices))
    tenths = [per_tenth[tenth] for tenth in range(10 * (RAMP_S + 2))]
    assert all(earlier <= later + 1 for earlier, later in pairwise(tenths))
    assert tenths[-1] == pytest.approx(FULL / 10, abs=1)


async def test_many_notifiers_together_never_exceed_the_rate_in_any_tenth_of_a_second(schedule_at: Open) -> None:
    chance = random.Random(5)  # noqa: S311  # the same at every run
    schedules = [schedule_at(full=5_000, ramp=2) for _ in range(8)]
    slices, now = [], START
    for _ in range(1_500):
        now += chance.choice([0, 0, 100, 3_000, 20_000])
        slices.append(await chance.choice(schedules).book(chance.choice([1, 7, 60, 500]), now))
    assert max(slice_.rate for slice_ in slices) > 2_500
    due = sorted(dues(slices))
    for first in range(len(due) - 501):
        assert due[first + 501] - due[first] > SECOND / 10


async def test_time_that_nobody_booked_is_never_caught_up_with(schedule: PushSchedule) -> None:
    for second in range(10):
        await schedule.book(1, START + second * SECOND)
    burst = [await schedule.book(1_000, START + 10 * SECOND) for _ in range(5)]
    assert [slice_.begins_in for slice_ in burst] == pytest.approx([0, 0.02, 0.04, 0.06, 0.08], rel=0.03)
    assert burst[0].rate == FOOT


async def test_the_rate_follows_what_is_really_sent(schedule: PushSchedule) -> None:
    """With 300 pushes ten times a second it settles near the double of that: there is room, but no leap to the top."""
    for tenth in range(200):
        now = START + tenth * SECOND // 10
        wanted = 300
        while wanted:
            wanted -= (await schedule.book(wanted, now)).permits
    rate = (await schedule.book(1, now)).rate
    assert 4_000 < rate < 7_000


@pytest.mark.parametrize(("idle_s", "rate"), [(0, FULL), (2, FULL - 2 * SLOPE), (6, FOOT), (3_600, FOOT)])
async def test_what_lies_idle_comes_down_as_fast_as_it_climbs(
    schedule: PushSchedule, idle_s: float, rate: float
) -> None:
    last = (await book_for(schedule, RAMP_S + 1))[-1]
    later = await schedule.book(1, int(end_of(last) + idle_s * SECOND))
    assert later.rate == pytest.approx(rate, abs=1)


async def test_a_schedule_that_nobody_uses_is_forgotten(schedule: PushSchedule, redis: Redis) -> None:
    await schedule.book(1)
    (key,) = await redis.keys()
    assert 0 < await redis.ttl(key) <= 60


async def test_slowed_down_by_many_at_once_the_rate_is_halved_once(schedule_at: Open) -> None:
    schedules = [schedule_at() for _ in range(3)]
    last = (await book_for(schedules[0], RAMP_S + 1))[-1]
    now = last.begins_at
    assert [await schedule.slow_down(now + i) for i, schedule in enumerate(schedules)] == [True, False, False]
    assert (await schedules[1].book(1, now)).rate == FULL / 2
    assert await schedules[2].slow_down(now + 5 * SECOND)
    assert (await schedules[1].book(1, now)).rate == pytest.approx(FULL / 4, abs=1)


async def test_after_that_it_climbs_again_by_the_ramp(schedule: PushSchedule) -> None:
    last = (await book_for(schedule, RAMP_S + 1))[-1]
    await schedule.slow_down(last.begins_at)
    climbing = await book_for(schedule, 2, int(end_of(last)))
    elapsed = (climbing[-1].begins_at - climbing[0].begins_at) / SECOND
    assert climbing[-1].rate - climbing[0].rate == pytest.approx(SLOPE * elapsed, rel=0.01)


async def test_however_often_it_is_slowed_down_a_hundredth_is_left(schedule: PushSchedule) -> None:
    await schedule.book(1, START)
    for time in range(20):
        await schedule.slow_down(START + time * 10 * SECOND)
    assert (await schedule.book(1, START)).rate == FULL / 100


async def test_without_a_ramp_the_full_rate_holds_at_once(schedule_at: Open) -> None:
    assert (await schedule_at(ramp=0).book(1_000, START)).permits == FULL // 50


async def test_a_lower_setting_holds_from_the_next_booking_on(schedule_at: Open) -> None:
    last = (await book_for(schedule_at(), RAMP_S + 1))[-1]
    assert (await schedule_at(full=1_000).book(1, last.begins_at)).rate == 1_000


async def test_a_clock_that_is_set_back_stops_nobody(schedule: PushSchedule) -> None:
    await schedule.book(1, START)
    assert (await schedule.book(1, START - 3_600 * SECOND)).begins_in == 0


class Recording(PushSchedule):
    """A schedule that remembers what it booked."""

    def __init__(self, url: str, slices: list[Slice]) -> None:
        super().__init__(url, 20_000, 0)
        self._slices = slices

    async def book(self, wanted: int, now_us: int | None = None) -> Slice:
        self._slices.append(await super().book(wanted, now_us))
        return self._slices[-1]


async def test_by_redis_own_clock_no_two_of_many_notifiers_send_in_the_same_time(
    servers: Servers, redis: Redis
) -> None:
    assert redis
    slices: list[Slice] = []

    async def send(pushes: int) -> None:
        pacer = FleetPacer(Recording(servers.redis.url, slices))
        for sent in range(pushes):
            await pacer.permit(pushes - sent)
        await pacer.close()

    await asyncio.gather(*(send(1_000) for _ in range(6)))
    slices.sort(key=lambda slice_: slice_.begins_at)
    assert sum(slice_.permits for slice_ in slices) == 6_000
    assert len(slices) >= 6_000 / 400
    assert all(end_of(one) <= following.begins_at + 1e-3 for one, following in pairwise(slices))


async def test_without_redis_nothing_may_be_sent() -> None:
    pacer = FleetPacer(PushSchedule("redis://127.0.0.1:1", FULL, RAMP_S))
    with pytest.raises(UnavailableError, match="redis"):
        await pacer.permit(1)
    await pacer.slow_down()
    await pacer.close()
