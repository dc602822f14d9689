"""How newer rates come into use while alerts go on firing.

A shard changes its rates in one moment, its alerts in many batches. Whoever locks an alert brings it to the
shard's rates first, so only finding it is at stake: an alert is found as long as its armed price in the index is
not below the true one. Hence the alerts that rise are converted before that moment and those that fall after it.

At any crash a repeat finishes what is left, and finds nothing to do once all is done.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

import asyncpg
import stamina

from fleet.rates import snapshots
from fleet.rates.admission import admitted
from fleet.rates.alerts import Group, Reconversion
from fleet.rates.reach import Snapshot
from fleet.shards.connections import Shard, connected
from fleet.shards.states import MoveCutShortError, all_states, unfinished_move
from fleet.shards.turn import turn
from shared.errors import FarelarkError
from shared.money import Rates
from shared.rates.in_redis import MalformedRatesError, RatesInRedis

# While this waits everybody else waits behind it.
_LOCK_TIMEOUT: Final = "2s"
_ATTEMPTS: Final = 5
_BEFORE_ALL: Final = UUID(int=0)

Advanced = Callable[[int, int], None]  # how many alerts are converted, and of how many


class ShardBusyError(FarelarkError):
    """A shard's state was held by others for too long."""

    def __init__(self, shard: str) -> None:
        super().__init__(
            f"{shard} was never free to change its rates: end what holds shard_state there, then load them again"
        )


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did."""

    date: date
    reference: str
    alerts: int
    kept: list[str]  # the currencies that the file lacks


async def load_rates(rates: Rates, shard_urls: Sequence[str], published: RatesInRedis, advanced: Advanced) -> Loaded:
    """Bring a snapshot into use in all shards, then among price workers.

    A price worker that is behind loses nothing: the match converts quoted prices itself.

    Args:
        rates: newer than those in use, or the same again.
        shard_urls: in the order of the shard map.
        published: where price workers look.
        advanced: is told of progress.

    Raises:
        RatesRefusedError: the snapshot cannot follow those in use; nothing was changed.
        MoveCutShortError: a move of a bucket is to be finished first; nothing was changed.
        TurnTakenError, ConfigurationError, UnavailableError, ShardBusyError: the load did not begin or was cut
            short; to repeat it does no harm.
    """
    async with turn(shard_urls[0]), connected(shard_urls) as shards:
        await _make_sure_of(published)
        states = await all_states(shards)
        if cut_short := unfinished_move(states):
            raise MoveCutShortError(*cut_short)
        known = await snapshots.known_to(shards)
        merged = admitted(rates, {day: snapshot.rates for day, snapshot in known.items()})
        known = {merged.date: Snapshot(merged, datetime.now(UTC))} | known
        load = _Load(merged, known, advanced)
        for shard, state in zip(shards, states, strict=True):
            await load.prepare(shard, state.rates_date)
        # Once more, for alerts that an edit has moved meanwhile from a shard that was not done to one that was.
        for shard in (*shards, *shards):
            await load.bring(shard)
        for shard in shards:
            async with shard.reached() as connection:
                await snapshots.settle_reach(connection)
        await published.write(merged)
        return Loaded(merged.date, merged.reference, load.done, sorted(merged.factors.keys() - rates.factors.keys()))


async def _make_sure_of(published: RatesInRedis) -> None:
    """Fail at once rather than at last if Redis is away; what it holds is written anew in any case."""
    try:
        await published.read()
    except MalformedRatesError:
        return


class _Load:
    """One snapshot on its way into the shards."""

    def __init__(self, rates: Rates, known: dict[date, Snapshot], advanced: Advanced) -> None:
        self.done = 0
        self._rates = rates
        self._known = known
        self._reconversion = Reconversion(rates, {day: snapshot.rates for day, snapshot in known.items()})
        self._advanced = advanced
        self._total = 0

    async def prepare(self, shard: Shard, in_use: date) -> None:
        """Let a shard know the snapshot, and its match look far enough while alerts are on either side."""
        async with shard.reached() as connection:
            await snapshots.take_in(connection, self._known.values())
            if in_use != self._rates.date:
                await self._widen_reach(shard, connection, in_use)
            self._total += sum((await self._reconversion.pending(connection)).values())

    async def bring(self, shard: Shard) -> None:
        """Bring a shard and all its alerts to the snapshot, unless they are there."""
        async with shard.reached() as connection:
            if await connection.fetchval("SELECT rates_date FROM shard_state") != self._rates.date:
                await self._convert(connection, await self._reconversion.rising(connection))
                await self._switch(shard, connection)
            await self._convert(connection, list(await self._reconversion.pending(connection)))

    @stamina.retry(on=ShardBusyError, attempts=_ATTEMPTS)
    async def _widen_reach(self, shard: Shard, connection: asyncpg.Connection, in_use: date) -> None:
        async with _alone(shard, connection):
            await snapshots.widen_reach(connection, self._known[in_use].rates, self._rates)

    @stamina.retry(on=ShardBusyError, attempts=_ATTEMPTS)
    async def _switch(self, shard: Shard, connection: asyncpg.Connection) -> None:
        async with _alone(shard, connection):
            # Those that were written since: few.
            await self._convert(connection, await self._reconversion.rising(connection))
            await snapshots.use(connection, self._rates.date)

    async def _convert(self, connection: asyncpg.Connection, groups: list[Group]) -> None:
        """Convert in batches, so that whoever waits for an alert waits for few others."""
        last = _BEFORE_ALL
        while ids := await self._convert_batch(connection, groups, last):
            last = ids[-1]
            self.done += len(ids)
            self._advanced(self.done, self._total)

    async def _convert_batch(self, connection: asyncpg.Connection, groups: list[Group], after: UUID) -> list[UUID]:
        async with connection.transaction():
            return await self._reconversion.convert_some(connection, groups, after)


@asynccontextmanager
async def _alone(shard: Shard, connection: asyncpg.Connection) -> AsyncIterator[None]:
    """A transaction beside which nobody else has one on alerts open, so that none goes by what held before it."""
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            await connection.execute("LOCK TABLE shard_state IN ACCESS EXCLUSIVE MODE")
            yield
    except asyncpg.LockNotAvailableError as error:
        raise ShardBusyError(shard.name) from error
