"""Moves a bucket's alerts and history to another shard while both are written: copy, catch up, switch, drop.

Whatever a move that is cut short has left, the same command finishes it or starts over:

- the map is the same everywhere: what lies in `bucket_transit` is in no use, and is cleared;
- the source goes by a newer map than the target: the target takes the alerts from its copy;
- the target does too, and other shards do not: they get it;
- a shard that does not hold the bucket has history of it: that is deleted.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fleet.shards.bringing import Say, bring
from fleet.shards.connections import Shard, connected
from fleet.shards.history import HistoryCopy, drop_history
from fleet.shards.states import MoveCutShortError, ShardState, all_states, newest, refuse_missing, unfinished_move
from fleet.shards.switching import Handover, MoveRefusedError, clear, compare, kept, set_map, take, taking
from fleet.shards.turn import turn
from shared.failpoints import Failpoints
from shared.shards import Shards


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that is done; `blocked_seconds` is how long the source's alerts were kept waiting for it.

    `history_rows` is how many rows of the price history were deleted where they were, once they were safe.
    """

    bucket: int
    source: int
    target: int
    alerts: int
    history_rows: int
    seconds: float
    blocked_seconds: float

    def as_json(self) -> dict[str, Any]:
        """The result as scripts read it."""
        return {
            "bucket": self.bucket,
            "from": self.source,
            "to": self.target,
            "alerts": self.alerts,
            "history_rows": self.history_rows,
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
            rows = await _tidy(shards, handover)
            return Moved(bucket, target, target, 0, rows, time.monotonic() - started, 0)
        if states[handover.source.number].map == handover.new_map:
            say(f"finishing the move of bucket {bucket} to {handover.target.name} that was cut short")
            alerts, blocked = await _finish(handover, states[target]), 0.0
        else:
            history = HistoryCopy(bucket, handover.source, handover.target)
            await history.make_room(urls[target])
            alerts, blocked = await bring(shards, handover, history, say, failpoints)
        failpoints.hit("shards.switched_target")
        await _tell_others(shards, states, handover)
        failpoints.hit("shards.switched_all")
        await clear(shards)
        failpoints.hit("shards.cleared")
        rows = await drop_history(handover.source, bucket)
    return Moved(bucket, handover.source.number, target, alerts, rows, time.monotonic() - started, blocked)


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


async def _tidy(shards: Sequence[Shard], handover: Handover) -> int:
    """The bucket is where it shall be: forget what an earlier move has left; returns how many rows of history."""
    alerts = await clear(shards)
    rows = sum([await drop_history(shard, handover.bucket) for shard in shards if shard is not handover.target])
    if not (alerts or rows):
        raise MoveRefusedError(f"{handover.target.name} holds bucket {handover.bucket} already")
    return rows


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
