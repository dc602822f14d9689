"""Fare boards in Redis: one MGET for a batch, one script that writes only what nobody wrote meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.fare_boards.layout import Boards, parse
from shared.redis_connections import open_redis, reaching_redis

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
        self._redis = open_redis(url)
        self._script = self._redis.register_script(_COMPARE_AND_SET)

    async def read(self, keys: Sequence[str]) -> Boards:
        """All these boards in one MGET; an absent one has no rows.

        Raises:
            UnavailableError: Redis cannot be reached or does not answer in time.
            BoardFormatError: one of them is no board of a format known here.
        """
        async with reaching_redis():
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
        async with reaching_redis():
            conflicts: list[int] = await self._script(keys=[write.key for write in writes], args=arguments)
            return conflicts

    async def ping(self) -> None:
        """Make sure that Redis answers.

        Raises:
            UnavailableError: it does not.
        """
        async with reaching_redis():
            await self._redis.ping()

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
