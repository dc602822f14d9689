"""Whether every alert and all history is where the map says, once, and whether all shards go by the same map."""

from collections import Counter
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import numpy as np

from fleet.shards.connections import Shard, connected
from fleet.shards.history import routes_with_history
from fleet.shards.states import all_states, newest, refuse_missing, unfinished_move
from fleet.shards.turn import turn
from shared.shard_map import ShardMap, bucket_of
from shared.shards import Shards

_ROUTES: Final = "SELECT route, count(*) AS alerts FROM alerts GROUP BY route ORDER BY route"
_TRANSIT: Final = "SELECT bucket, count(*) AS alerts FROM bucket_transit GROUP BY bucket ORDER BY bucket"
# An edit is done with an arriving alert at once, or a sweep soon after.
_ARRIVING: Final = "SELECT count(*) FROM arriving_alerts WHERE arrived_at < now() - interval '1 minute'"
# All ids in one value, 16 bytes each: rows of their own would take ten times as much here.
_IDS: Final = "SELECT string_agg(uuid_send(id), ''::bytea) FROM alerts"
_THERE: Final = "SELECT id FROM alerts WHERE id = ANY ($1)"
_UUID_BYTES: Final = 16


async def find_faults(urls: Sequence[str]) -> list[str]:
    """What is wrong with the shards, each in a sentence that says what to do; none when all is well.

    Args:
        urls: of all shards, in the order of the map.

    Raises:
        TurnTakenError: a move is under way, so that the shards may differ.
        UnavailableError: a shard cannot be reached.
        ConfigurationError: one is not migrated, or has no address.
    """
    async with turn(urls[0]), connected(urls) as shards:
        states = await all_states(shards)
        refuse_missing(newest(states), len(shards))
        if cut_short := unfinished_move(states):
            faults = [_finish_the_move(*cut_short)]
        else:
            faults = [fault for shard in shards for fault in await _left_by_moves(shard, newest(states))]
        for shard, state in zip(shards, states, strict=True):
            faults += await _misplaced(shard, state.map) + await _still_arriving(shard)
        return faults + await _on_two_shards(shards)


def _finish_the_move(bucket: int, target: int) -> str:
    name = Shards.name(target)
    return (
        f"the move of bucket {bucket} to {name} was cut short: `./farelark shards move {bucket} {target}` finishes it"
    )


async def _left_by_moves(shard: Shard, in_force: ShardMap) -> list[str]:
    async with shard.reached() as connection:
        rows = await connection.fetch(_TRANSIT)
    buckets = {bucket_of(route) for route in await routes_with_history(shard)}
    return [
        *(_forget(shard, bucket, alerts, in_force.shards[bucket]) for bucket, alerts in rows),
        *(
            _forget_history(shard, each, in_force.shards[each])
            for each in sorted(buckets)
            if not in_force.holds(shard.number, [each])
        ),
    ]


def _forget_history(shard: Shard, bucket: int, holder: int) -> str:
    return (
        f"a move that was cut short has left price history of bucket {bucket} on {shard.name}, in no use: "
        f"{Shards.name(holder)} holds the bucket. `./farelark shards move {bucket} {holder}` deletes it"
    )


def _forget(shard: Shard, bucket: int, alerts: int, holder: int) -> str:
    return (
        f"a move that was cut short has left {alerts:,} alerts of bucket {bucket} in transit on {shard.name}, in no "
        f"use: {Shards.name(holder)} holds the bucket. `./farelark shards move {bucket} {holder}` forgets them, "
        f"`./farelark shards move {bucket} {shard.number}` moves the bucket to {shard.name}"
    )


async def _misplaced(shard: Shard, known: ShardMap) -> list[str]:
    async with shard.reached() as connection:
        rows = await connection.fetch(_ROUTES)
    return [
        f"{shard.name} has {alerts:,} alerts of {route}, whose bucket {bucket_of(route)} is on "
        f"{Shards.name(known.shard_of(route))}: nothing matches them here. Copy there what it lacks, then delete them"
        for route, alerts in rows
        if known.shard_of(route) != shard.number
    ]


async def _still_arriving(shard: Shard) -> list[str]:
    async with shard.reached() as connection:
        count = await connection.fetchval(_ARRIVING)
    fault = f"{count:,} alerts that were given another route have been arriving on {shard.name} for over a minute"
    return [f"{fault}: see that alert workers run, whose sweep finishes such edits"] if count else []


async def _on_two_shards(shards: Sequence[Shard]) -> list[str]:
    """An edit may move an alert between our looks at two shards, so those that seem twice are looked at again."""
    suspects = _repeated([await _ids(shard) for shard in shards])
    places: Counter[UUID] = Counter()
    for shard in shards:
        async with shard.reached() as connection:
            places.update(row["id"] for row in await connection.fetch(_THERE, suspects))
    twice = sorted(alert for alert, count in places.items() if count > 1)
    return [_delete_one(twice)] if twice else []


def _delete_one(twice: Sequence[UUID]) -> str:
    return (
        f"{len(twice):,} alerts are on two shards, such as {twice[0]}: "
        "delete them from the shard that does not hold their route's bucket"
    )


async def _ids(shard: Shard) -> bytes:
    async with shard.reached() as connection:
        return await connection.fetchval(_IDS) or b""


def _repeated(packed: Sequence[bytes]) -> list[UUID]:
    ids = np.sort(np.frombuffer(b"".join(packed), dtype=f"V{_UUID_BYTES}"))
    return [UUID(bytes=bytes(alert)) for alert in np.unique(ids[1:][ids[1:] == ids[:-1]])]
