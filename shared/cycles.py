"""How far each cycle has come: counts by stage, kept in Redis, for people who watch.

A source that is polled opens its cycle and closes it with counts of its own.

Workers count in memory and hand over what they have counted once a second, so it costs them nothing. A crash loses a
second's counts and a repeated message is counted again: this shows progress, and no decision hangs on it.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from shared.errors import UnavailableError
from shared.periodic import Periodic, running
from shared.redis_connections import open_redis, reaching_redis
from shared.sweeps import SweepCounts, SweepEnding, Swept

_HAND_OVER_EVERY_S: Final = 1.0
_KEPT_S: Final = 2 * 24 * 3_600
_NEWEST: Final = "cycle:newest"

# Each script is about one key, so that they work on a cluster. Times are milliseconds since 1970 by Redis' clock.
_ADD: Final = """
local clock = redis.call('TIME')
redis.call('HSETNX', KEYS[1], 'started', clock[1] * 1000 + math.floor(clock[2] / 1000))
for i = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return redis.call('HGET', KEYS[1], 'started')
"""
_CLOSE: Final = """
local clock = redis.call('TIME')
redis.call('HSET', KEYS[1], 'closed', clock[1] * 1000 + math.floor(clock[2] / 1000), unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""
_RENEW: Final = """
local started = redis.call('HGET', KEYS[1], 'started')
if not started or tonumber(started) <= tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'id', ARGV[1], 'started', ARGV[2])
end
"""
_READ: Final = "return redis.call('HGETALL', KEYS[1])"


class Stage(StrEnum):
    """What is counted, in the order of the flow."""

    PUBLISHED = "published"  # fares that are on their way
    COMPARED = "compared"  # fares
    CHANGED = "changed"  # fares of these
    MATCHED = "matched"  # changes
    CLAIMED = "claimed"  # notices on their way
    TOLD = "told"  # notices that the notifier is done with, pushed or not


@dataclass(frozen=True, slots=True)
class Cycle:
    """One cycle; `started` is when something of it was first counted, or its source opened it.

    A stage that nothing has reached is missing. `swept` is None while its source goes on, and if it never says.
    """

    id: str
    started: datetime
    counts: Mapping[Stage, int]
    swept: Swept | None = None


class CycleBook:
    """The counts of all processes together.

    Args:
        redis_url: a server's or a cluster's.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = open_redis(redis_url)
        self._add = self._redis.register_script(_ADD)
        self._close = self._redis.register_script(_CLOSE)
        self._renew = self._redis.register_script(_RENEW)
        self._read = self._redis.register_script(_READ)

    async def add(self, cycle: str, counts: Mapping[Stage, int]) -> None:
        """Add to a cycle's counts.

        Raises:
            UnavailableError: Redis cannot be reached; it may have been added all the same.
        """
        arguments = [part for stage, count in counts.items() for part in (stage.value, count)]
        async with reaching_redis():
            started = await self._add(keys=[_key(cycle)], args=[_KEPT_S, *arguments])
            await self._renew(keys=[_NEWEST], args=[cycle, started])

    async def open_cycle(self, cycle: str) -> None:
        """Say that a cycle begins, before anything of it is there to be counted.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        await self.add(cycle, {})

    async def close_cycle(self, cycle: str, ending: SweepEnding, counts: SweepCounts) -> None:
        """Say that a cycle's source has given all that it will. Its fares may still be on their way.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        swept = {"ending": ending.value, **asdict(counts)}
        async with reaching_redis():
            await self._close(keys=[_key(cycle)], args=[_KEPT_S, *(part for pair in swept.items() for part in pair)])

    async def newest(self) -> Cycle | None:
        """The cycle that was begun last; none if there has been none for days.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        async with reaching_redis():
            newest = _fields(await self._read(keys=[_NEWEST], args=[]))
            if "id" not in newest:
                return None
            values = _fields(await self._read(keys=[_key(newest["id"])], args=[]))
        counts = {stage: int(values[stage]) for stage in Stage if stage in values}
        return Cycle(newest["id"], _instant(newest["started"]), counts, _swept(values))

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()


class Tally:
    """What one process has counted and not handed over yet."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[Stage]] = {}

    def add(self, cycle: str | None, stage: Stage, count: int) -> None:
        """Count; what belongs to no cycle is left out."""
        if cycle and count:
            self._counts.setdefault(cycle, Counter())[stage] += count

    async def hand_over(self, book: CycleBook) -> None:
        """Hand over all; what Redis does not take is kept for the next time.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        while self._counts:
            cycle, counts = self._counts.popitem()
            try:
                await book.add(cycle, counts)
            except UnavailableError:
                self._counts.setdefault(cycle, Counter()).update(counts)
                raise


@asynccontextmanager
async def tallying(redis_url: str) -> AsyncIterator[Tally]:
    """A tally that is handed over once a second while the block runs, and at its end."""
    tally, book = Tally(), CycleBook(redis_url)

    async def hand_over() -> None:
        await tally.hand_over(book)

    try:
        async with running([Periodic("cycles", _HAND_OVER_EVERY_S, hand_over)]):
            yield tally
        with suppress(UnavailableError):
            await hand_over()
    finally:
        await book.close()


def _key(cycle: str) -> str:
    return f"cycle:of:{cycle}"


def _swept(values: Mapping[str, str]) -> Swept | None:
    if "closed" not in values:
        return None
    with suppress(KeyError, ValueError):  # another version of us closed it in words of its own
        counts = SweepCounts(**{field.name: int(values[field.name]) for field in fields(SweepCounts)})
        return Swept(_instant(values["closed"]), SweepEnding(values["ending"]), counts)
    return None


def _instant(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _fields(flat: list[Any]) -> dict[str, str]:
    """Redis' list of names and values as a mapping."""
    texts = [value.decode() for value in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))
