"""When a source was polled last, which every process knows from Redis, and when it is its turn again."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import msgspec
from redis.asyncio import Redis

from shared.redis_cluster.client import ClusterClient
from shared.redis_connections import reaching_redis
from shared.sweeps import SweepEnding

_SOONER: Final = 10  # times, after a cycle that did not come to its end


class LastCycle(msgspec.Struct, frozen=True):
    """A source's last cycle; without an ending it goes on, or its process died.

    `completed` is when a cycle last came to its end, be it this one or one before; `resumes` is when a source that
    stopped wants to be asked again, if it said so.
    """

    began: datetime
    ending: SweepEnding | None = None
    completed: datetime | None = None
    resumes: datetime | None = None


def due(last: LastCycle | None, every: timedelta, now: datetime) -> datetime:
    """When the next cycle begins: at once where there was none, or where somebody has come back to a stopped source."""
    if last is None:
        return now
    if last.ending is SweepEnding.STOPPED:
        return last.resumes or now
    turn = last.began + (every if last.ending is SweepEnding.COMPLETE else every / _SOONER)
    return min(turn, now + every)  # the clock of whoever began may have been ahead


class LastCycles:
    """The last cycle of each source, in Redis."""

    def __init__(self, redis: Redis | ClusterClient) -> None:
        self._redis = redis

    async def of(self, source: str) -> LastCycle | None:
        """A source's last cycle, None if it has had none.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        async with reaching_redis():
            kept = await self._redis.get(_key(source))
        with suppress(msgspec.DecodeError):  # another version of us kept something else there
            return msgspec.json.decode(kept, type=LastCycle) if kept else None
        return None

    async def keep(self, source: str, cycle: LastCycle) -> None:
        """Keep it in place of the one before.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        async with reaching_redis():
            await self._redis.set(_key(source), msgspec.json.encode(cycle))


def _key(source: str) -> str:
    return f"source:last:{source}"
