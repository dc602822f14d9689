"""Waiting longer each time, with jitter so that those who wait for one thing do not come back all at once."""

import asyncio
import random


class Backoff:
    """The pauses between tries.

    Args:
        first_s: the first of them, in seconds.
        longest_s: none is longer; up to it each is twice the one before.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._seconds = first_s
        self._longest_s = longest_s

    async def pause(self) -> None:
        """Wait before the next try, half of its time at least."""
        await asyncio.sleep(self._seconds * random.uniform(0.5, 1.0))  # noqa: S311  # spreads load, hides nothing
        self._seconds = min(self._longest_s, self._seconds * 2)
