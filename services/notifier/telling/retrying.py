"""When a push that failed for now is tried again, and when it is given up. Pure."""

from datetime import datetime, timedelta
from typing import Final

FIRST_WAIT: Final = timedelta(seconds=10)  # FCM asks for no less after an error of its own
LONGEST_WAIT: Final = timedelta(minutes=15)
GIVE_UP_AFTER: Final = timedelta(minutes=60)


def next_try(
    tries: int, first_tried_at: datetime, now: datetime, *, retry_after: float | None, jitter: float
) -> datetime | None:
    """Return when to try again, None for never.

    The waits double up to the longest, and the last try of all is at the end of the time that there is.

    Args:
        tries: those that have failed, at least one.
        first_tried_at: when the first of them was.
        now: when the last of them was.
        retry_after: seconds that the gateway asks for.
        jitter: from 0 to 1, so that not all come back at once: the wait is up to half as long again.
    """
    last = first_tried_at + GIVE_UP_AFTER
    asked_for = now + timedelta(seconds=retry_after or 0)
    if now >= last or asked_for > last:
        return None
    doubled = min(FIRST_WAIT * 2 ** (min(tries, 10) - 1) * (1 + jitter / 2), LONGEST_WAIT)
    return min(max(now + doubled, asked_for), last)
