"""Which of several processes has a source: a lease in Redis, which runs out with whoever holds it."""

import time
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from redis.asyncio import Redis

from shared.errors import UnavailableError
from shared.redis_cluster.client import ClusterClient
from shared.redis_connections import reaching_redis

LASTS_S: Final = 30.0
RENEWED_EVERY_S: Final = LASTS_S / 3

# Free, or ours already: ours from now on.
_TAKE: Final = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_GIVE_BACK: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
"""


class Lease:
    """The lease of one source, as one process sees it.

    Args:
        redis: keeps it.
        source: whose it is.
        clock: tells seconds that only grow.
    """

    def __init__(self, redis: Redis | ClusterClient, source: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._take = redis.register_script(_TAKE)
        self._give_back = redis.register_script(_GIVE_BACK)
        self._key = f"source:lease:{source}"
        self._holder = uuid4().hex
        self._clock = clock
        self._until = clock()

    async def take(self) -> bool:
        """Take it or renew it; whether it is ours.

        While Redis is away it stays ours until it has run out: nobody else can have it.
        """
        asked_at = self._clock()
        try:
            async with reaching_redis():
                ours = await self._take(keys=[self._key], args=[self._holder, round(LASTS_S * 1000)])
        except UnavailableError:
            return self._clock() < self._until
        self._until = asked_at + LASTS_S if ours else asked_at
        return bool(ours)

    async def give_back(self) -> None:
        """Let others have it at once, unless they have it already.

        Raises:
            UnavailableError: Redis cannot be reached; it runs out.
        """
        self._until = self._clock()
        async with reaching_redis():
            await self._give_back(keys=[self._key], args=[self._holder])
