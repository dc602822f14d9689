"""What each shard knows of the map and the rates: read from all, and given to those that are new."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import asyncpg

from fleet.shards.connections import Shard, connected
from fleet.shards.turn import turn
from shared.errors import ConfigurationError, FarelarkError
from shared.money import Rates
from shared.shard_map import ShardMap
from shared.shards import Shards

# As long as a move or a load of rates may take.
_PATIENCE: Final = "5min"

_READ: Final = "SELECT map_version, shards, rates_date, reach FROM shard_state"
# All of them: an alert that is moved may be at rates that were in use before.
_READ_RATES: Final = "SELECT date, reference, factors::text, loaded_at FROM rates"
_ENTER_RATES: Final = "INSERT INTO rates (date, reference, factors, loaded_at) VALUES ($1, $2, $3, $4)"
_ENTER: Final = "INSERT INTO shard_state (map_version, shards, rates_date) VALUES ($1, $2, $3)"


class MoveCutShortError(FarelarkError):
    """Some shards know of a move and others do not, so that its alerts may be in no shard's use."""

    def __init__(self, bucket: int, target: int) -> None:
        super().__init__(
            f"a move of a bucket was cut short; finish it first: `./farelark shards move {bucket} {target}`"
        )


@dataclass(frozen=True, slots=True)
class RatesInShard:
    """The date of the snapshot that a shard uses, and the rows of all that it has ever used."""

    in_use: date
    rows: Sequence[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class ShardState:
    """The map that a shard goes by, the date of its rates, and how far they can have lifted an armed price."""

    map: ShardMap
    rates_date: date
    reach: float


async def state_of(connection: asyncpg.Connection) -> ShardState | None:
    """A shard's state; None of one that has just been made."""
    row = await connection.fetchrow(_READ)
    if row is None:
        return None
    return ShardState(ShardMap(row["map_version"], tuple(row["shards"])), row["rates_date"], row["reach"])


async def all_states(shards: Sequence[Shard]) -> list[ShardState]:
    """The states of all shards.

    Raises:
        ConfigurationError: one is not migrated.
        UnavailableError: one went away.
    """
    states = []
    for shard in shards:
        async with shard.reached() as connection:
            state = await state_of(connection)
        if state is None:
            raise ConfigurationError(f"{shard.name} has no map yet: run the migrations, as `./farelark up` does")
        states.append(state)
    return states


def newest(states: Sequence[ShardState]) -> ShardMap:
    """The map in force."""
    return max((state.map for state in states), key=lambda known: known.version)


def unfinished_move(states: Sequence[ShardState]) -> tuple[int, int] | None:
    """The bucket and the target of a move that some shards know of and others do not; None when all agree."""
    in_force = newest(states)
    for state in states:
        for bucket, (before, after) in enumerate(zip(state.map.shards, in_force.shards, strict=True)):
            if before != after:
                return bucket, after
    return None


async def enter_new_shards(urls: Sequence[str], rates: Rates) -> None:
    """Give shards without a state the map and the rates of the others, or the first ones of all.

    Args:
        urls: of all shards, migrated.
        rates: what the first shards of all begin with.

    Raises:
        ConfigurationError: the map puts buckets on shards that have no address.
        UnavailableError: a shard cannot be reached.
    """
    if not urls:
        return
    async with turn(urls[0], patience=_PATIENCE), connected(urls) as shards:
        states = {shard: await state_of(shard.connection) for shard in shards}
        known = {shard: state for shard, state in states.items() if state}
        shard_map = newest(list(known.values())) if known else ShardMap.even(len(urls))
        refuse_missing(shard_map, len(urls))
        entering = await _rates_of(known) if known else _first(rates)
        for shard in states.keys() - known.keys():
            await _enter(shard, shard_map, entering)


def refuse_missing(shard_map: ShardMap, count: int) -> None:
    """Refuse a map that puts buckets on shards beyond the first `count`."""
    if (last := max(shard_map.shards)) >= count:
        raise ConfigurationError(
            f"the map puts buckets on {Shards.name(last)}, and SHARD_URLS names {count} shards: name all, in order"
        )


def _first(rates: Rates) -> RatesInShard:
    row = (rates.date, rates.reference, json.dumps(dict(rates.factors)), datetime.now(UTC))
    return RatesInShard(rates.date, [row])


async def _rates_of(known: dict[Shard, ShardState]) -> RatesInShard:
    """Those of the shard that uses the newest."""
    shard, state = max(known.items(), key=lambda item: item[1].rates_date)
    async with shard.reached() as connection:
        return RatesInShard(state.rates_date, [tuple(row) for row in await connection.fetch(_READ_RATES)])


async def _enter(shard: Shard, shard_map: ShardMap, rates: RatesInShard) -> None:
    async with shard.reached() as connection, connection.transaction():
        await connection.executemany(_ENTER_RATES, rates.rows)
        await connection.execute(_ENTER, shard_map.version, shard_map.shards, rates.in_use)
