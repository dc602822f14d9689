"""The Redis server that a bench looks into."""

from redis.asyncio import Redis

from shared.errors import ConfigurationError
from shared.redis_cluster.addresses import is_cluster


def open_one(url: str, *, timeout_s: float | None = None) -> Redis:
    """A client for what only a single server can say of itself.

    Raises:
        ConfigurationError: the address is that of a cluster.
    """
    if is_cluster(url):
        raise ConfigurationError("this bench looks into one Redis server, and REDIS_URL names a cluster: unset it")
    return Redis.from_url(url, socket_timeout=timeout_s)
