"""How many fares of a limit are left, counted over the last minute."""

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final, NamedTuple

# Fares are counted by the second in which they were granted, and for as many seconds after it: a minute that
# begins within a second still holds all of it.
WINDOW_S: Final = 60


class Grant(NamedTuple):
    """What is granted of an allowance; if it is nothing, the seconds after which there is enough."""

    fares: int
    wait_s: int


@dataclass(slots=True)
class SlidingMinute:
    """What was granted in the last minute."""

    _granted: dict[int, int] = field(default_factory=dict)  # fares by the second

    def grant(self, limit: int, least: int, most: int, now: int) -> Grant:
        """Grant up to `most` fares, or none if there are fewer than `least`, which is no more than the limit.

        Args:
            limit: granted in any minute at most.
            least: what somebody waits for.
            most: what they take with it if there is more.
            now: in seconds, from any beginning.
        """
        # A second to come is there only if the clock was set back, and is to stop nobody.
        self._granted = {second: fares for second, fares in self._granted.items() if now - WINDOW_S <= second <= now}
        free = limit - sum(self._granted.values())
        if free < least:
            return Grant(0, self._wait(least - free, now))
        granted = max(least, min(most, free))
        self._granted[now] = self._granted.get(now, 0) + granted
        return Grant(granted, 0)

    def _wait(self, missing: int, now: int) -> int:
        seconds = sorted(self._granted)
        freed = accumulate(self._granted[second] for second in seconds)
        enough = next(second for second, fares in zip(seconds, freed, strict=True) if fares >= missing)
        return enough + WINDOW_S + 1 - now
