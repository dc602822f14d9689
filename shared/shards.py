"""The shards as services use them: transactions on alerts, under the map and the rates in force.

Which shard holds which bucket, and which rates its alerts' reference amounts are at, is written in each shard.
A transaction reads that first, and thereby holds the table's lightest lock to its end: a move of a bucket
switches while nobody has such a transaction open, and whoever comes with an old map is refused.
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final, TypeVar

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.conversion import ReferenceAmounts
from shared.databases import open_engine, reaching
from shared.errors import ConfigurationError, MapMovedError, UnavailableError
from shared.money import Rates
from shared.shard_map import ShardMap

_STATE: Final = text("""
    SELECT map_version, CASE WHEN map_version <> :known THEN shards END AS shards, rates_date, reach
    FROM shard_state
""")
_RATES: Final = text("SELECT reference, factors::text FROM rates WHERE date = :date")

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RatesInUse:
    """The snapshot that a shard's reference amounts are at, also as arrays."""

    rates: Rates
    amounts: ReferenceAmounts


@dataclass(frozen=True, slots=True)
class ShardTransaction:
    """A transaction on one shard.

    Attributes:
        connection: for SQLAlchemy Core.
        driver: the same connection as asyncpg's own: it binds arrays without SQLAlchemy's typing.
        rates: the exchange rates in use in this shard.
        rates_at: the snapshot of an earlier day, for alerts that a load of rates has not reached yet.
        reach: how far rates can have lifted an armed price since it was set; 1 is not at all.
    """

    connection: AsyncConnection
    driver: asyncpg.Connection
    rates: RatesInUse
    rates_at: Callable[[date], Awaitable[RatesInUse]]
    reach: float


class Shards:
    """All shards.

    Args:
        engines: by shard number.
    """

    def __init__(self, engines: Sequence[AsyncEngine]) -> None:
        self.engines = engines
        self.map = ShardMap.unknown()
        self._rates: dict[tuple[int, date], RatesInUse] = {}

    @classmethod
    def at(cls, urls: Sequence[str], *, application: str, pool_size: int, prepared: bool = False) -> "Shards":
        """Shards at these addresses, with engines as `open_engine` makes them; connects at first use.

        Raises:
            ConfigurationError: there is no shard.
        """
        if not urls:
            raise ConfigurationError("SHARD_URLS must name at least one shard")
        engines = [
            open_engine(url, name=cls.name(shard), application=application, pool_size=pool_size, prepared=prepared)
            for shard, url in enumerate(urls)
        ]
        return cls(engines)

    @property
    def numbers(self) -> range:
        """The numbers of all shards."""
        return range(len(self.engines))

    @staticmethod
    def name(shard: int) -> str:
        """What a shard is called in errors, logs and metrics."""
        return f"shard{shard}"

    async def current_map(self) -> ShardMap:
        """The map, read at first use.

        Raises:
            UnavailableError: no shard answers.
        """
        if not self.map.version:
            await self.refresh()
        return self.map

    async def refresh(self) -> None:
        """Take over the map in force: the newest of the shards that answer.

        Raises:
            UnavailableError: none answers.
        """
        found = await asyncio.gather(*map(self._read_map, self.numbers), return_exceptions=True)
        maps = [answer for answer in found if isinstance(answer, ShardMap)]
        for answer in found:
            if isinstance(answer, BaseException) and (not maps or not isinstance(answer, UnavailableError)):
                raise answer
        self._take(max(maps, key=lambda answer: answer.version))

    @asynccontextmanager
    async def transaction(self, shard: int, buckets: Collection[int]) -> AsyncIterator[ShardTransaction]:
        """A transaction that commits at the end of the block unless it raises.

        Args:
            shard: its number.
            buckets: what it is expected to hold.

        Raises:
            UnavailableError: the shard cannot be reached.
            MapMovedError: it does not hold one of the buckets. The newer map, if it has one, is taken over.
            ConfigurationError: this process was not told where the shard is.
        """
        if shard not in self.numbers:
            raise ConfigurationError(
                f"the map names {self.name(shard)}, and SHARD_URLS {len(self.engines)} shards: name all, then restart"
            )
        async with reaching(self.name(shard)), self.engines[shard].begin() as connection:
            known = self.map  # another task may take over a newer one while the shard answers
            state = (await connection.execute(_STATE, {"known": known.version})).one()
            there = known if state.shards is None else ShardMap(state.map_version, tuple(state.shards))
            self._take(there)
            if not (there.holds(shard, buckets) and self.map.holds(shard, buckets)):
                raise MapMovedError(self.name(shard))
            raw: Any = await connection.get_raw_connection()
            driver: asyncpg.Connection = raw.driver_connection
            rates = await self._rates_of(shard, connection, state.rates_date)
            try:
                rates_at = partial(self._rates_of, shard, connection)
                yield ShardTransaction(connection, driver, rates, rates_at, state.reach)
            except asyncpg.InterfaceError as error:
                # Asked for anything more after its server has hung up, asyncpg raises what it raises for misuse.
                if driver.is_closed():
                    raise UnavailableError(self.name(shard), "the connection was lost") from error
                raise

    async def on_each(self, ask: Callable[[int], Awaitable[T]]) -> list[T]:
        """The answers of all shards, asked at once; an error is raised when all have answered."""
        answers = await asyncio.gather(*map(ask, self.numbers), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(engine.dispose() for engine in self.engines))

    async def _read_map(self, shard: int) -> ShardMap:
        async with reaching(self.name(shard)), self.engines[shard].connect() as connection:
            state = (await connection.execute(_STATE, {"known": -1})).one()
            return ShardMap(state.map_version, tuple(state.shards))

    def _take(self, newer: ShardMap) -> None:
        if newer.version > self.map.version:
            log.info("shard_map_taken_over", version=newer.version, before=self.map.version)
            self.map = newer

    async def _rates_of(self, shard: int, connection: AsyncConnection, day: date) -> RatesInUse:
        if (shard, day) not in self._rates:
            row = (await connection.execute(_RATES, {"date": day})).one()
            factors = {currency: (up, down) for currency, (up, down) in json.loads(row.factors).items()}
            rates = Rates(day, row.reference, factors)
            log.info("rates_taken_over", shard=self.name(shard), date=day.isoformat())
            self._rates[shard, day] = RatesInUse(rates, ReferenceAmounts(rates))
        return self._rates[shard, day]


def refresh_on_hangup(shards: Shards) -> None:
    """Have the newest map taken over on SIGHUP, which `shards move` sends, and not only at the next refusal."""
    refreshing: set[asyncio.Task[None]] = set()  # a loop alone does not keep its tasks

    def refresh() -> None:
        task = asyncio.create_task(_refresh_if_possible(shards))
        refreshing.add(task)
        task.add_done_callback(refreshing.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, refresh)


async def _refresh_if_possible(shards: Shards) -> None:
    try:
        await shards.refresh()
    except UnavailableError as error:
        log.warning("shard_map_not_refreshed", error=str(error))
