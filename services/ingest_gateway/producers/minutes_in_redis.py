"""What each producer was granted in the last minute, counted in Redis for all processes together.

A script of our own: of what `limits` offers, which guards the API, the moving window keeps an entry for every fare, and
the others let nearly twice the limit through where two of their windows meet. It does as `SlidingMinute` does.
"""

import asyncio
from typing import Final

from services.ingest_gateway.producers.minute import WINDOW_S, Grant
from shared.redis_connections import open_redis, reaching_redis

# Less, and a busy moment of this process would pass for Redis being away.
_PATIENCE_S: Final = 0.25

_GRANT: Final = """
local limit, least, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local window, now = tonumber(ARGV[4]), tonumber(ARGV[5]) or tonumber(redis.call('TIME')[1])

local stored = redis.call('HGETALL', KEYS[1])
local granted, seconds, free = {}, {}, limit
for i = 1, #stored, 2 do
  local second, fares = tonumber(stored[i]), tonumber(stored[i + 1])
  if second < now - window or second > now then
    redis.call('HDEL', KEYS[1], stored[i])
  else
    granted[second], free = fares, free - fares
    table.insert(seconds, second)
  end
end
if free >= least then
  local fares = math.max(least, math.min(most, free))
  redis.call('HINCRBY', KEYS[1], now, fares)
  redis.call('EXPIRE', KEYS[1], window + 1)
  return {fares, 0}
end
table.sort(seconds)
for _, second in ipairs(seconds) do
  free = free + granted[second]
  if free >= least then return {0, second + window + 1 - now} end
end
"""


class MinutesInRedis:
    """Grants fares of the allowances that all gateways share.

    Args:
        redis_url: where they are counted.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = open_redis(redis_url)
        self._grant = self._redis.register_script(_GRANT)

    async def grant(self, key_id: str, limit: int, least: int, most: int, now: int | None = None) -> Grant:
        """Grant up to `most` fares, or none if there are fewer than `least`, which is no more than the limit.

        Args:
            key_id: whose allowance it is.
            limit: granted in any minute at most.
            least: what somebody waits for.
            most: what they take with it if there is more.
            now: stands in for Redis' clock, in tests; in seconds.

        Raises:
            UnavailableError: Redis cannot be reached, or not soon.
        """
        arguments = [limit, least, most, WINDOW_S, "" if now is None else now]
        async with reaching_redis(), asyncio.timeout(_PATIENCE_S):
            fares, wait_s = await self._grant(keys=[f"ingest:granted:{key_id}"], args=arguments)
        return Grant(fares, wait_s)

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
