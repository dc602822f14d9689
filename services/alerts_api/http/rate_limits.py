"""Counts requests against limits, for all processes together.

Redis counts, exactly and in one step. While it is away each process counts on its own.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar, cast

import structlog
from limits import RateLimitItem
from limits.aio.storage import RedisClusterStorage, RedisStorage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import MovingWindowRateLimiter
from litestar.exceptions import TooManyRequestsException
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

from shared.redis_cluster.addresses import ClusterUrl, is_cluster

# What a request waits for Redis at most, and for how long nobody asks it again when that was not enough. Less, and
# a busy moment of this process would pass for Redis being away.
_PATIENCE_S: Final = 0.25
_PAUSE_S: Final = 1.0
_CONNECTIONS: Final = 256  # more than the requests that granian hands over at once

# Sent on to a node of a cluster that has just joined, redis-py's client stumbles over an attribute of None.
_AWAY: Final = (RedisError, RedisClusterException, AttributeError, OSError, TimeoutError)

AnswerT = TypeVar("AnswerT")

log = structlog.get_logger()


class RateLimits:
    """Counts requests, and refuses those over a limit.

    Args:
        redis_url: where all processes count together.
        clock: seconds that never go back.
    """

    def __init__(self, redis_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        storage = _cluster(redis_url) if is_cluster(redis_url) else _server(redis_url)
        self._client = cast("Redis", cast("RedispyBridge", storage.bridge).get_connection())
        self._together = MovingWindowRateLimiter(storage)
        self._alone = _Alone()
        self._clock = clock
        self._ask_again_at = -math.inf

    async def count(self, limit: RateLimitItem, who: str) -> None:
        """Count a request.

        Raises:
            TooManyRequestsException: it is one too many.
        """
        if not await self._hit(limit, who):
            raise _refusal(limit, await self._wait_s(limit, who))

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._client.aclose()

    async def _hit(self, limit: RateLimitItem, who: str) -> bool:
        let_through = await self._ask(partial(self._together.hit, limit, who))
        return self._alone.hit(limit, who, self._clock()) if let_through is None else let_through

    async def _wait_s(self, limit: RateLimitItem, who: str) -> int:
        """When there will be room again: at the end of a whole window, if Redis does not say."""
        window = await self._ask(partial(self._together.get_window_stats, limit, who))
        return limit.get_expiry() if window is None else max(1, math.ceil(window.reset_time - time.time()))

    async def _ask(self, question: Callable[[], Awaitable[AnswerT]]) -> AnswerT | None:
        """Redis' answer, or None while it is away."""
        if self._clock() < self._ask_again_at:
            return None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await question()
        except _AWAY as error:
            self._ask_again_at = self._clock() + _PAUSE_S
            log.warning("rate_limits_count_alone", error=type(error).__name__)
            return None


class _Alone:
    """Counts the requests of this process in the present minute."""

    def __init__(self) -> None:
        self._minute = 0
        self._counts: Counter[str] = Counter()

    def hit(self, limit: RateLimitItem, who: str, now: float) -> bool:
        if (minute := int(now // limit.get_expiry())) != self._minute:
            self._minute, self._counts = minute, Counter()
        key = limit.key_for(who)
        self._counts[key] += 1
        return self._counts[key] <= limit.amount


# A pool that waits for a connection at its limit would make some requests wait long in a crowd.
_CONNECTING: Final[dict[str, Any]] = {
    "implementation": "redispy",
    "key_prefix": "limits",
    "max_connections": _CONNECTIONS,
    "retry": Retry(NoBackoff(), retries=0),
}


def _server(url: str) -> RedisStorage:
    return RedisStorage(url, **_CONNECTING)


def _cluster(url: str) -> RedisStorage:
    cluster = ClusterUrl.parse(url)
    credentials: dict[str, Any] = {"username": cluster.username, "password": cluster.password}
    return RedisClusterStorage(url, **_CONNECTING, **credentials)


def _refusal(limit: RateLimitItem, wait_s: int) -> TooManyRequestsException:
    """The answer, with the fields of the IETF's draft on rate limits (draft-ietf-httpapi-ratelimit-headers)."""
    return TooManyRequestsException(
        f"these are more than {limit.amount} in {limit.get_expiry()} seconds; try again in {wait_s}",
        headers={
            "Retry-After": str(wait_s),
            "RateLimit-Policy": f'"{limit.namespace}";q={limit.amount};w={limit.get_expiry()}',
            "RateLimit": f'"{limit.namespace}";r=0;t={wait_s}',
        },
    )
