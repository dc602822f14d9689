"""The pace of a source's requests: evenly spaced, and none while the source has asked for quiet."""

import time
from collections.abc import Callable


class Pace:
    """Books the instants at which requests may start. What was not used is not caught up with.

    Args:
        per_second: so many requests.
        clock: tells seconds that only grow.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = 1 / per_second
        self._clock = clock
        self._free_at = clock()

    def book(self) -> float:
        """Book the next instant; seconds until then."""
        now = self._clock()
        begins_at = max(now, self._free_at)
        self._free_at = begins_at + self._interval_s
        return begins_at - now

    def hold(self, seconds: float) -> None:
        """Book nothing before so many seconds from now."""
        self._free_at = max(self._free_at, self._clock() + seconds)
