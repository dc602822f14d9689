"""The snapshot that all price workers convert at, in one Redis value beside the fare boards."""

from typing import Final

import msgspec

from shared.errors import FarelarkError
from shared.money import Rates
from shared.redis_connections import open_redis, reaching_redis

KEY: Final = "rates"


class MalformedRatesError(FarelarkError):
    """What lies in Redis is no snapshot of rates."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"the value {KEY!r} in Redis is no snapshot of rates: {detail}; `rates load` writes it anew")


class RatesInRedis:
    """Reads and writes the snapshot."""

    def __init__(self, url: str) -> None:
        self._redis = open_redis(url)

    async def read(self) -> Rates | None:
        """The snapshot, None if there is none.

        Raises:
            UnavailableError: Redis cannot be reached or does not answer in time.
            MalformedRatesError: something else lies there.
        """
        async with reaching_redis():
            value = await self._redis.get(KEY)
        try:
            return None if value is None else msgspec.json.decode(value, type=Rates)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise MalformedRatesError(str(error)) from error

    async def write(self, rates: Rates) -> None:
        """Make this the snapshot of all price workers.

        Raises:
            UnavailableError: Redis cannot be reached, does not answer in time or refuses writes.
        """
        async with reaching_redis():
            await self._redis.set(KEY, msgspec.json.encode(rates))

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
