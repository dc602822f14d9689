"""How fast a source is asked, when it is its turn, and how what waits for it is ended."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.ingest_gateway.sources.halt import Halt, HaltedError
from services.ingest_gateway.sources.last_cycles import LastCycle, due
from services.ingest_gateway.sources.pace import Pace
from shared.sweeps import SweepEnding
from tests.hand_moved_clock import Clock

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_requests_start_evenly_and_none_makes_up_for_a_pause() -> None:
    clock = Clock()
    pace = Pace(4, clock)
    assert [pace.book() for _ in range(3)] == [0, 0.25, 0.5]
    clock.now += 60
    assert [pace.book() for _ in range(3)] == [0, 0.25, 0.5]


def test_a_source_that_asked_for_quiet_has_it_from_all_who_come_then() -> None:
    clock = Clock()
    pace = Pace(4, clock)
    pace.hold(10)
    pace.hold(3)  # does not shorten it
    assert [pace.book(), pace.book()] == [10, 10.25]


@pytest.mark.parametrize(
    ("last", "turn"),
    [
        (None, NOW),
        (LastCycle(NOW - HOUR / 4, SweepEnding.COMPLETE), NOW + HOUR * 3 / 4),
        (LastCycle(NOW - 3 * HOUR, SweepEnding.COMPLETE), NOW - 2 * HOUR),
        (LastCycle(NOW - HOUR / 20, SweepEnding.CUT_SHORT), NOW + HOUR / 20),
        (LastCycle(NOW - HOUR / 20, SweepEnding.AWAY), NOW + HOUR / 20),
        (LastCycle(NOW - HOUR / 20, None), NOW + HOUR / 20),
        (LastCycle(NOW - HOUR / 4, SweepEnding.STOPPED), NOW),
        (LastCycle(NOW - HOUR / 4, SweepEnding.STOPPED, resumes=NOW + 30 * HOUR), NOW + 30 * HOUR),
        (LastCycle(NOW + 5 * HOUR, SweepEnding.COMPLETE), NOW + HOUR),
    ],
    ids=["first", "recent", "long ago", "cut short", "away", "died", "stopped", "paused", "by a clock that is ahead"],
)
def test_a_source_has_its_turn_by_what_became_of_the_cycle_before(last: LastCycle | None, turn: datetime) -> None:
    assert due(last, HOUR, NOW) == turn


async def test_a_halt_ends_every_wait_at_once() -> None:
    halt = Halt()
    waits = [asyncio.create_task(halt.pause(3_600)) for _ in range(3)]
    await asyncio.sleep(0)
    halt.call()
    assert [type(error) for error in await asyncio.gather(*waits, return_exceptions=True)] == [HaltedError] * 3
    with pytest.raises(HaltedError):
        await halt.pause(0)


async def test_a_timeout_of_what_is_waited_for_is_no_halt() -> None:
    with pytest.raises(TimeoutError):
        async with Halt().ending():
            raise TimeoutError
