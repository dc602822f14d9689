"""Platforms that FCM cannot push to at present, because Apple or a browser's maker does not take our key.

The pushes to such a platform wait, but for one a minute that finds out whether a person has put that right.
"""

import time
from collections.abc import Callable

import structlog

from services.notifier.fcm.answers import PLATFORM_WAIT_S
from shared import metrics

log = structlog.get_logger()


class PlatformHolds:
    """Which platforms are held.

    Args:
        clock: tells seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_probe: dict[str, float] = {}

    def refuses(self, platform: str) -> bool:
        """Whether a push to it would be refused now."""
        return self._clock() < self._next_probe.get(platform, 0)

    def enter(self, platform: str) -> bool:
        """Let a push to it leave, or not; of a platform that is held, one a minute may."""
        if self.refuses(platform):
            return False
        if platform in self._next_probe:
            self._next_probe[platform] = self._clock() + PLATFORM_WAIT_S
        return True

    def hold(self, platform: str) -> None:
        """FCM has said that it cannot push to it."""
        if platform not in self._next_probe:
            log.error("platform_held", platform=platform, remedy="give Firebase a valid key for it")
            metrics.PLATFORM_HELD.labels(platform).set(1)
        self._next_probe[platform] = self._clock() + PLATFORM_WAIT_S

    def release(self, platform: str) -> None:
        """FCM has pushed to it."""
        if self._next_probe.pop(platform, None) is not None:
            log.info("platform_released", platform=platform)
            metrics.PLATFORM_HELD.labels(platform).set(0)
