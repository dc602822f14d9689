"""How late each stage is: how old the prices are that a process has in work, and were when it was done with them.

A handler says how old a message's prices are once it has read them, and its consumer when the message is done or has
left its hands: a message that waits for a server in between is in work all that time, and grows older.
"""

import time
from collections.abc import Callable, Iterable
from functools import cache

from shared import metrics
from shared.deliveries import Delivery
from shared.topology import WorkQueue


class PricesInWork:
    """The oldest observation in each message that this process has in work from a queue.

    Args:
        queue: where they come from.
        clock: tells seconds since 1970.
    """

    def __init__(self, queue: WorkQueue, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._oldest: dict[int, float] = {}  # by delivery: two may be equal
        self._when_done = metrics.OBSERVATION_AGE_SECONDS.labels(queue.name)
        metrics.OLDEST_PRICE_AGE_SECONDS.labels(queue.name).set_function(self._age)

    def entered(self, delivery: Delivery, observed_at: float | None) -> None:
        """A message holds a price observed then, in seconds since 1970, if any; of several the oldest counts."""
        if observed_at is not None:
            self._oldest[id(delivery)] = min(observed_at, self._oldest.get(id(delivery), observed_at))

    def done(self, delivery: Delivery) -> None:
        """A message has had its effect."""
        if (observed_at := self._oldest.pop(id(delivery), None)) is not None:
            self._when_done.observe(self._age_of(observed_at))

    def left(self, deliveries: Iterable[Delivery]) -> None:
        """These are in this process's hands no more, whatever has become of them."""
        for delivery in deliveries:
            self._oldest.pop(id(delivery), None)

    def _age(self) -> float:
        """Seconds since the oldest observation in work, 0 if there is none."""
        return self._age_of(min(self._oldest.values())) if self._oldest else 0

    def _age_of(self, observed_at: float) -> float:
        return max(0.0, self._clock() - observed_at)  # an observer's clock may be ahead of ours


@cache
def prices_in_work(queue: WorkQueue) -> PricesInWork:
    """This process's own, which its handler and its consumer share as they do the metrics."""
    return PricesInWork(queue)
