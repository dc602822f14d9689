"""How fast counters grow, from look to look, and how long something takes at that pace."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

WINDOW_S: Final = 10.0

# What is done when this many of the other are: the stages of a cycle that follow one another.
_FOLLOWS: Final = {"compared": "published", "matched": "changed", "told": "claimed"}


class Pace:
    """Growth of counters that several processes keep, over the last ten seconds of looks.

    A process that is seen for the first time adds nothing, one that was started again what it has counted since.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], int] = {}
        self._totals: Counter[str] = Counter()
        self._looks: deque[tuple[float, Counter[str]]] = deque()

    @property
    def seconds(self) -> float:
        """The time between the first and the last look that count."""
        return self._looks[-1][0] - self._looks[0][0] if self._looks else 0.0

    def see(self, at: float, counters: Mapping[tuple[str, str], int]) -> None:
        """Take note of a look.

        Args:
            at: in seconds that only grow.
            counters: by process and name; a process that did not answer is missing.
        """
        for (process, name), value in counters.items():
            before = self._last.get((process, name), value)
            self._totals[name] += value - before if value >= before else value
        self._last.update(counters)
        self._looks.append((at, self._totals.copy()))
        while len(self._looks) > 2 and at - self._looks[0][0] > WINDOW_S:  # noqa: PLR2004  # a rate needs two
            self._looks.popleft()

    def per_second(self, name: str) -> float | None:
        """How much of it a second; None before the second look, or if nobody counts it."""
        if self.seconds <= 0 or name not in self._totals:
            return None
        return (self._looks[-1][1][name] - self._looks[0][1][name]) / self.seconds


def seconds_left(counts: Mapping[str, int], rates: Mapping[str, float | None], age: float) -> float | None:
    """How long the slowest stage of a cycle still takes; 0 when all are done, None if one stands still.

    Args:
        counts: by stage, missing where nothing has come.
        rates: a second, by stage; None where there was one look only: then the pace since the start counts.
        age: seconds since the start.
    """
    left = 0.0
    for stage, before in _FOLLOWS.items():
        to_do = counts.get(before, 0) - counts.get(stage, 0)
        if to_do <= 0:
            continue
        rate = rates.get(stage)
        if rate is None and age > 0:
            rate = counts.get(stage, 0) / age
        if not rate:
            return None
        left = max(left, to_do / rate)
    return left
