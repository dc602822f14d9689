"""A bucket is brought to another shard: copied round by round while it is written, then switched under a lock."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from fleet.shards.connections import Shard
from fleet.shards.copying import BucketCopy
from fleet.shards.history import HistoryCopy, drop_history
from fleet.shards.switching import (
    Handover,
    MoveRefusedError,
    both,
    clear,
    compare,
    give,
    locked,
    refuse_arriving,
    take,
    taking,
)
from shared.failpoints import Failpoints

# Alerts and history are written all the time: a copy is as good as complete when fewer rows than this differ.
_FEW: Final = 100
_MOST_ROUNDS: Final = 10
_SWITCH_ATTEMPTS: Final = 5
# Between two attempts the transactions that waited with us get through.
SWITCH_PAUSE_S = 2.0

Say = Callable[[str], None]


async def bring(
    shards: Sequence[Shard], handover: Handover, history: HistoryCopy, say: Say, failpoints: Failpoints
) -> tuple[int, float]:
    """Copy the bucket and have it change hands; returns how many alerts, and for how many seconds others waited.

    Raises:
        MoveRefusedError: others are in the way; nothing was changed.
        UnavailableError: a shard went away.
    """
    await refuse_arriving(handover.source, handover.bucket)
    await clear(shards)
    copy = _Copy(BucketCopy(handover.bucket, handover.source, handover.target), history)
    try:
        await _copy(copy, say)
        failpoints.hit("shards.copied")
        blocked = await _switch(handover, copy, say, failpoints)
    except MoveRefusedError:
        await clear(shards)
        await drop_history(handover.target, handover.bucket)
        raise
    say(f"switched: {handover.source.name} was blocked for {blocked:.2f} s")
    return len(copy.alerts.versions), blocked


@dataclass(frozen=True, slots=True)
class _Copy:
    """All that a bucket holds, as a copy elsewhere."""

    alerts: BucketCopy
    history: HistoryCopy

    async def catch_up(self, say: Say) -> int:
        """Copy what is new or was written again; returns how many alerts and rows of history differed."""
        alerts = await self.alerts.catch_up(lambda done, total: say(f"copied {done:,} of {total:,} alerts"))
        rows = await self.history.catch_up(lambda done: say(f"copied {done:,} rows of the price history"))
        return alerts + rows


async def _copy(copy: _Copy, say: Say) -> None:
    for round_number in range(_MOST_ROUNDS):
        differing = await copy.catch_up(say)
        if round_number and differing < _FEW:
            return


async def _switch(handover: Handover, copy: _Copy, say: Say, failpoints: Failpoints) -> float:
    """Switch as soon as no transaction on the source's alerts is open; returns the seconds that others waited."""
    blocked = 0.0
    for _ in range(_SWITCH_ATTEMPTS):
        started = time.monotonic()
        try:
            await _switch_once(handover, copy, failpoints)
        except asyncpg.LockNotAvailableError:
            blocked += time.monotonic() - started
            say(f"transactions on {handover.source.name} stay open: trying again")
            await asyncio.sleep(SWITCH_PAUSE_S)
        else:
            return blocked + time.monotonic() - started
    raise MoveRefusedError(
        f"transactions on {handover.source.name} stayed open all the time (see pg_stat_activity); "
        "nothing was changed, try again later"
    )


async def _switch_once(handover: Handover, copy: _Copy, failpoints: Failpoints) -> None:
    async with locked(handover.source) as commit:
        await refuse_arriving(handover.source, handover.bucket)
        await copy.catch_up(lambda _: None)
        async with taking(handover):
            await both(give(handover, copy.alerts.routes), take(handover))
            await compare(handover)
            await commit()
            failpoints.hit("shards.switched_source")
