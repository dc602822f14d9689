"""A pacer over a schedule that the test writes."""

import pytest
from prometheus_client import REGISTRY

from services.notifier.fcm.pacing import FleetPacer
from services.notifier.fcm.schedule import PushSchedule, Slice
from shared.errors import UnavailableError
from tests.hand_moved_clock import Clock


class Schedule(PushSchedule):
    """Gives out slices of two."""

    def __init__(self) -> None:
        super().__init__("redis://nowhere", 9_000, 60)
        self.wanted: list[int] = []
        self.begins_in = 0.0
        self.slowed_down = 0
        self.away = False

    async def book(self, wanted: int, now_us: int | None = None) -> Slice:
        assert now_us is None
        self.wanted.append(wanted)
        return Slice(2, 0, self.begins_in, 900.0)

    async def slow_down(self, now_us: int | None = None) -> bool:
        assert now_us is None
        self.slowed_down += 1
        if self.away:
            raise UnavailableError("redis")
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def schedule() -> Schedule:
    return Schedule()


@pytest.fixture
def pacer(schedule: Schedule, clock: Clock) -> FleetPacer:
    return FleetPacer(schedule, clock)


async def test_permits_are_booked_as_many_as_are_wanted_and_handed_out_one_by_one(
    pacer: FleetPacer, schedule: Schedule
) -> None:
    for waiting in (5, 4, 3, 2, 1):
        await pacer.permit(waiting)
    assert schedule.wanted == [5, 3, 1]
    assert REGISTRY.get_sample_value("farelark_push_rate") == 900


async def test_no_permit_is_handed_out_before_its_slice_begins(
    pacer: FleetPacer, schedule: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("asyncio.sleep", sleep)
    schedule.begins_in = 0.4
    for _ in range(4):
        await pacer.permit(1)
    assert slept == [0.4, 0.4]


async def test_permits_that_were_not_used_within_a_second_lapse(
    pacer: FleetPacer, schedule: Schedule, clock: Clock
) -> None:
    await pacer.permit(1)
    clock.now += 1.1
    await pacer.permit(1)
    assert len(schedule.wanted) == 2


async def test_hundreds_of_answers_that_ask_for_it_slow_down_once(
    pacer: FleetPacer, schedule: Schedule, clock: Clock
) -> None:
    for _ in range(300):
        await pacer.slow_down()
    assert schedule.slowed_down == 1
    clock.now += 5
    await pacer.slow_down()
    assert schedule.slowed_down == 2


async def test_a_schedule_that_is_away_cannot_be_slowed_down_and_gives_no_permits_either(
    pacer: FleetPacer, schedule: Schedule
) -> None:
    schedule.away = True
    await pacer.slow_down()
