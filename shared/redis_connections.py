"""Connections to Redis that fail soon, and which of its errors mean that it is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.connection import HiredisRespSerializer
from redis.exceptions import RedisError
from redis.typing import EncodableT

from shared.errors import UnavailableError
from shared.pools import show_pool
from shared.redis_cluster.addresses import Address, ClusterUrl, is_cluster
from shared.redis_cluster.client import ClusterClient
from shared.redis_cluster.nodes import Nodes

_SOCKET_TIMEOUT_S: Final = 1.0
_DEADLINE_S: Final = 2.0  # of a call with its retry and the wait for a connection
_CONNECTIONS: Final = 16  # to a server, of a cluster to each


class _Connection(redis.Connection):
    """Packs commands in C, as redis-py's other client does: hundreds of keys and boards take a fifth of the time."""

    def pack_command(self, *args: EncodableT) -> list[bytes]:
        """The command in Redis' protocol."""
        packed: list[bytes] = HiredisRespSerializer().pack(*args)  # type: ignore[arg-type]  # mistyped
        return packed


def open_redis(url: str) -> redis.Redis | ClusterClient:
    """A client for commands on one key each, of a server or of a cluster; it connects at first use.

    Raises:
        ConfigurationError: the address of a cluster makes no sense.
    """
    return ClusterClient(open_cluster(url)) if is_cluster(url) else open_server(url)


def open_server(url: str) -> redis.Redis:
    """A client with a pool of its own; it connects at first use."""
    retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.2), retries=1)
    return _client(redis.BlockingConnectionPool.from_url(url, retry=retry, **_limits()))


def open_cluster(url: str) -> Nodes:
    """The nodes of a cluster; they are found and connected to at first use.

    Raises:
        ConfigurationError: the address makes no sense.
    """
    cluster = ClusterUrl.parse(url)
    return Nodes(cluster.seeds, partial(_open_node, cluster))


@asynccontextmanager
async def reaching_redis() -> AsyncIterator[None]:
    """Turn what a call raises when Redis is away, slow or full into `UnavailableError`."""
    try:
        async with asyncio.timeout(_DEADLINE_S):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise UnavailableError("redis", type(error).__name__) from error


def _open_node(cluster: ClusterUrl, address: Address) -> redis.Redis:
    """A client that does not retry by itself: when a node fails another may have to be asked."""
    pool = redis.BlockingConnectionPool(
        host=address.host,
        port=address.port,
        username=cluster.username,
        password=cluster.password,
        retry=Retry(NoBackoff(), retries=0),
        **_limits(),
    )
    return _client(pool)


def _client(pool: redis.BlockingConnectionPool) -> redis.Redis:
    show_pool("redis", pool, in_use=_in_use, limit=lambda pool: pool.max_connections)
    return redis.Redis.from_pool(pool)


def _in_use(pool: redis.BlockingConnectionPool) -> int:
    _, (in_use, _) = pool.get_connection_count()
    return in_use


def _limits() -> dict[str, Any]:
    return {
        "connection_class": _Connection,
        "max_connections": _CONNECTIONS,
        "timeout": _SOCKET_TIMEOUT_S,
        "socket_timeout": _SOCKET_TIMEOUT_S,
        "socket_connect_timeout": _SOCKET_TIMEOUT_S,
    }
