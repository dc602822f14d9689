"""Fare boards in Redis: one MGET for a batch, one script that writes only what nobody wrote meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError

from shared.errors import UnavailableError
from shared.fare_boards.layout import Boards, parse

_SOCKET_TIMEOUT_S: Final = 1.0
_DEADLINE_S: Final = 2.0  # of a call with its retry and the wait for a connection
_CONNECTIONS: Final = 16

# Returns the positions, from 0, of the boards whose header was not the expected one.
_COMPARE_AND_SET: Final = """
local conflicts = {}
for i = 1, #KEYS do
  if redis.call('GETRANGE', KEYS[i], 0, 7) == ARGV[3 * i - 2] then
    redis.call('SET', KEYS[i], ARGV[3 * i - 1], 'EXAT', ARGV[3 * i])
  else
    conflicts[#conflicts + 1] = i - 1
  end
end
return conflicts
"""


@dataclass(frozen=True, slots=True)
class Write:
    """A board's new value, valid only if the board still has the header it was read with."""

    key: str
    expected_header: bytes
    value: bytes
    expires_at: int


class BoardStore:
    """Reads and writes fare boards."""

    def __init__(self, url: str) -> None:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=_SOCKET_TIMEOUT_S,
            socket_timeout=_SOCKET_TIMEOUT_S,
            socket_connect_timeout=_SOCKET_TIMEOUT_S,
            retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.2), retries=1),
        )
        self._redis = redis.Redis.from_pool(pool)
        self._script = self._redis.register_script(_COMPARE_AND_SET)

    async def read(self, keys: Sequence[str]) -> Boards:
        """All these boards in one MGET; an absent one has no rows.

        Raises:
            UnavailableError: Redis cannot be reached or does not answer in time.
            BoardFormatError: one of them is no board of a format known here.
        """
        async with _reaching_redis():
            values: list[bytes | None] = await self._redis.mget(keys)  # type: ignore[assignment]  # never decoded
            return parse(values)

    async def write(self, writes: Sequence[Write]) -> list[int]:
        """Write the boards that nobody wrote meanwhile.

        Returns:
            The positions of those that somebody did: they must be read and merged again.

        Raises:
            UnavailableError: Redis cannot be reached, does not answer in time or refuses writes.
        """
        arguments: list[bytes | int] = []
        for write in writes:
            arguments += (write.expected_header, write.value, write.expires_at)
        async with _reaching_redis():
            conflicts: list[int] = await self._script(keys=[write.key for write in writes], args=arguments)
            return conflicts

    async def ping(self) -> None:
        """Make sure that Redis answers.

        Raises:
            UnavailableError: it does not.
        """
        async with _reaching_redis():
            await self._redis.ping()

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()


@asynccontextmanager
async def _reaching_redis() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_DEADLINE_S):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise UnavailableError("redis", type(error).__name__) from error
