"""Fare boards on one Redis server: one MGET for a batch, one script call."""

from collections.abc import Sequence

from shared.fare_boards.compare_and_set import SCRIPT, Write, arguments
from shared.redis_connections import open_server


class ServerBoards:
    """Values of boards on a server; every method raises what the client does."""

    def __init__(self, url: str) -> None:
        self._redis = open_server(url)
        self._script = self._redis.register_script(SCRIPT)

    async def values(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values, None of a board that does not exist."""
        values: list[bytes | None] = await self._redis.mget(keys)  # type: ignore[assignment]  # never decoded
        return values

    async def compare_and_set(self, writes: Sequence[Write]) -> list[int]:
        """The positions of the boards that were not written."""
        conflicts: list[int] = await self._script(keys=[write.key for write in writes], args=arguments(writes))
        return conflicts

    async def ping(self) -> None:
        """Return if the server answers."""
        await self._redis.ping()

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
