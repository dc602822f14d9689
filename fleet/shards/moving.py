"""Moves a bucket's alerts to another shard while they go on firing: copy, catch up, switch, drop.

Whatever a move that is cut short has left, the same command finishes it or starts over:

- the map is the same everywhere: what lies in `bucket_transit` is in no use, and is cleared;
- the source goes by a newer map than the target: the target takes the alerts from its copy;
- the target does too, and other shards do not: they get it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from fleet.shards.connections import Shard, connected
from fleet.shards.copying import BucketCopy
from fleet.shards.states import MoveCutShortError, ShardState, all_states, newest, refuse_missing, unfinished_move
from fleet.shards.switching import (
    Handover,
    MoveRefusedError,
    both,
    clear,
    compare,
    give,
    kept,
    locked,
    refuse_arriving,
    set_map,
    take,
    taking,
)
from fleet.shards.turn import turn
from shared.failpoints import Failpoints
from shared.shards import Shards

# Alerts are written all the time: a copy is as good as complete when fewer than so many differ.
_FEW: Final = 100
_MOST_ROUNDS: Final = 10
_SWITCH_ATTEMPTS: Final = 5
# Between two attempts the transactions that waited with us get through.
SWITCH_PAUSE_S = 2.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that is done; `blocked_seconds` is how long the source's alerts were kept waiting for it."""

    bucket: int
    source: int
    target: int
    alerts: int
    seconds: float
    blocked_seconds: float

    def as_json(self) -> dict[str, Any]:
        """The result as scripts read it."""
        return {
            "bucket": self.bucket,
            "from": self.source,
            "to": self.target,
            "alerts": self.alerts,
            "seconds": round(self.seconds, 3),
            "blocked_seconds": round(self.blocked_seconds, 3),
        }


async def move_bucket(urls: Sequence[str], bucket: int, target: int, say: Say, failpoints: Failpoints) -> Moved:
    """Move a bucket, or finish a move of it that was cut short.

    Args:
        urls: of all shards, in the order of the map.
        bucket: which one.
        target: the number of the shard that shall hold it.
        say: is told, in a sentence, what happens.
        failpoints: where tests may kill it.

    Raises:
        MoveRefusedError: it cannot be moved now; nothing was changed.
        MoveCutShortError: another move is to be finished first.
        TurnTakenError: another move is under way.
        UnavailableError: a shard cannot be reached, or went away: run it again when all are back.
    """
    started = time.monotonic()
    async with turn(urls[0]), connected(urls) as shards:
        states = await all_states(shards)
        handover = _plan(shards, states, bucket, target)
        if handover.source is handover.target:
            await _tidy(shards, handover)
            return Moved(bucket, target, target, 0, time.monotonic() - started, 0)
        if states[handover.source.number].map == handover.new_map:
            say(f"finishing the move of bucket {bucket} to {handover.target.name} that was cut short")
            alerts, blocked = await _finish(handover, states[target]), 0.0
        else:
            alerts, blocked = await _bring(shards, handover, say, failpoints)
        failpoints.hit("shards.switched_target")
        await _tell_others(shards, states, handover)
        failpoints.hit("shards.switched_all")
        await _clear(shards)
    return Moved(bucket, handover.source.number, target, alerts, time.monotonic() - started, blocked)


def _plan(shards: Sequence[Shard], states: Sequence[ShardState], bucket: int, target: int) -> Handover:
    """What is to change hands, or has begun to; from and to the same shard where the bucket is there already."""
    in_force = newest(states)
    refuse_missing(in_force, len(shards))
    if not 0 <= target < len(shards):
        raise MoveRefusedError(f"there is no {Shards.name(target)}: the shards are 0 to {len(shards) - 1}")
    cut_short = unfinished_move(states)
    if cut_short is None:
        _refuse_several_rates(states)
    elif cut_short != (bucket, target):
        raise MoveCutShortError(*cut_short)
    source = min((state.map for state in states), key=lambda known: known.version).shards[bucket]
    new_map = in_force if cut_short else in_force.moved(bucket, target)
    return Handover(bucket, shards[source], shards[target], new_map, states[source].reach)


def _refuse_several_rates(states: Sequence[ShardState]) -> None:
    dates = {state.rates_date for state in states}
    if len(dates) > 1:
        raise MoveRefusedError(
            f"the shards' rates are of {' and '.join(map(str, sorted(dates)))}: "
            "load the newest again with `./farelark rates load`"
        )


async def _tidy(shards: Sequence[Shard], handover: Handover) -> None:
    """The bucket is where it shall be: forget what an earlier move has left."""
    if not await _clear(shards):
        raise MoveRefusedError(f"{handover.target.name} holds bucket {handover.bucket} already")


async def _bring(shards: Sequence[Shard], handover: Handover, say: Say, failpoints: Failpoints) -> tuple[int, float]:
    """Copy the bucket and have it change hands; returns how many alerts, and for how many seconds others waited."""
    await refuse_arriving(handover.source, handover.bucket)
    await _clear(shards)
    copy = BucketCopy(handover.bucket, handover.source, handover.target)
    try:
        await _copy(copy, say)
        failpoints.hit("shards.copied")
        blocked = await _switch(handover, copy, say, failpoints)
    except MoveRefusedError:
        await _clear(shards)
        raise
    say(f"switched: {handover.source.name} was blocked for {blocked:.2f} s")
    return len(copy.versions), blocked


async def _copy(copy: BucketCopy, say: Say) -> None:
    for round_number in range(_MOST_ROUNDS):
        differing = await copy.catch_up(lambda done, total: say(f"copied {done:,} of {total:,} alerts"))
        if round_number and differing < _FEW:
            return


async def _switch(handover: Handover, copy: BucketCopy, say: Say, failpoints: Failpoints) -> float:
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


async def _switch_once(handover: Handover, copy: BucketCopy, failpoints: Failpoints) -> None:
    async with locked(handover.source) as commit:
        await refuse_arriving(handover.source, handover.bucket)
        await copy.catch_up(lambda _done, _total: None)
        async with taking(handover):
            await both(give(handover, copy.routes), take(handover))
            await compare(handover)
            await commit()
            failpoints.hit("shards.switched_source")


async def _finish(handover: Handover, target: ShardState) -> int:
    """Have the target take what the source has given away already; returns how many alerts."""
    if target.map != handover.new_map:
        async with taking(handover):
            await take(handover)
            await compare(handover)
    return await kept(handover.source, handover.bucket)


async def _tell_others(shards: Sequence[Shard], states: Sequence[ShardState], handover: Handover) -> None:
    for shard, state in zip(shards, states, strict=True):
        if shard not in {handover.source, handover.target} and state.map != handover.new_map:
            await set_map(shard, handover.new_map)


async def _clear(shards: Sequence[Shard]) -> int:
    """Forget what is in transit: with one map everywhere, each of those alerts is in use where it belongs."""
    return sum([await clear(shard) for shard in shards])
