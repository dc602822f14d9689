"""Connections to Redis that fail soon, and which of its errors mean that it is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError

from shared.errors import UnavailableError

_SOCKET_TIMEOUT_S: Final = 1.0
_DEADLINE_S: Final = 2.0  # of a call with its retry and the wait for a connection
_CONNECTIONS: Final = 16


def open_redis(url: str) -> redis.Redis:
    """A client with a pool of its own; it connects at first use."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=_SOCKET_TIMEOUT_S,
        socket_timeout=_SOCKET_TIMEOUT_S,
        socket_connect_timeout=_SOCKET_TIMEOUT_S,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.2), retries=1),
    )
    return redis.Redis.from_pool(pool)


@asynccontextmanager
async def reaching_redis() -> AsyncIterator[None]:
    """Turn what a call raises when Redis is away, slow or full into `UnavailableError`."""
    try:
        async with asyncio.timeout(_DEADLINE_S):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise UnavailableError("redis", type(error).__name__) from error
