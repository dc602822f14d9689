"""Platforms that FCM cannot push to at present."""

import pytest
from prometheus_client import REGISTRY

from services.notifier.fcm.platform_holds import PlatformHolds
from tests.hand_moved_clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def holds(clock: Clock) -> PlatformHolds:
    return PlatformHolds(clock)


def shown(platform: str) -> float | None:
    return REGISTRY.get_sample_value("farelark_platform_held", {"platform": platform})


def test_a_platform_that_is_held_holds_up_no_other(holds: PlatformHolds) -> None:
    holds.hold("ios")
    assert holds.refuses("ios")
    assert not holds.enter("ios")
    assert not holds.refuses("android")
    assert holds.enter("android")
    assert holds.enter("android")


def test_one_push_a_minute_finds_out_whether_it_still_is(holds: PlatformHolds, clock: Clock) -> None:
    holds.hold("ios")
    for _ in range(3):
        clock.now += 59
        assert not holds.enter("ios")
        clock.now += 1
        assert not holds.refuses("ios")
        assert [holds.enter("ios") for _ in range(100)] == [True] + [False] * 99


def test_released_it_lets_all_through(holds: PlatformHolds) -> None:
    holds.hold("ios")
    holds.release("ios")
    assert [holds.enter("ios") for _ in range(100)] == [True] * 100


def test_the_metrics_show_it(holds: PlatformHolds) -> None:
    holds.hold("web")
    assert shown("web") == 1
    holds.release("web")
    assert shown("web") == 0
