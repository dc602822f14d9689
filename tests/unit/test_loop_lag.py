"""A loop that something has blocked is seen to be late."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from shared import loop_lag
from shared.loop_lag import watching_loop_lag

NAME = "farelark_event_loop_lag_seconds"
PERIOD = 2**-10  # seconds


def counted() -> tuple[float, float]:
    """How often the lag was measured, and the sum of what came out."""
    count, total = REGISTRY.get_sample_value(f"{NAME}_count"), REGISTRY.get_sample_value(f"{NAME}_sum")
    assert count is not None
    assert total is not None
    return count, total


async def lag(*instants: float, monkeypatch: pytest.MonkeyPatch) -> tuple[float, float]:
    """What is measured where a clock tells these instants, two for each measurement; then it stands still."""
    monkeypatch.setattr(loop_lag, "_EVERY_S", PERIOD)
    before = counted()
    told, over = iter(instants), asyncio.Event()

    def clock() -> float:
        try:
            return next(told)
        except StopIteration:
            over.set()
            raise asyncio.CancelledError from None

    async with watching_loop_lag(clock):
        await over.wait()
    after = counted()
    return after[0] - before[0], after[1] - before[1]


async def test_what_comes_late_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    measured, seconds = await lag(10, 13 + PERIOD, 14, 14.5 + PERIOD, monkeypatch=monkeypatch)
    assert measured == 2
    assert seconds == pytest.approx(3.5)


async def test_what_comes_early_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await lag(10, 10, monkeypatch=monkeypatch) == (1, 0)
