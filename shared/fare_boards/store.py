"""Fare boards in Redis, on one server or on a cluster."""

from collections.abc import Sequence
from typing import Protocol

from shared.fare_boards.compare_and_set import Write
from shared.fare_boards.layout import Boards, parse
from shared.fare_boards.on_cluster import ClusterBoards
from shared.fare_boards.on_server import ServerBoards
from shared.redis_cluster.addresses import is_cluster
from shared.redis_connections import reaching_redis

__all__ = ["BoardStore", "Write"]


class BoardStore:
    """Reads and writes fare boards.

    Args:
        url: of a server, `redis://`, or of a cluster, `redis+cluster://`.

    Raises:
        ConfigurationError: the address of a cluster makes no sense.
    """

    def __init__(self, url: str) -> None:
        self._values: _Values = ClusterBoards(url) if is_cluster(url) else ServerBoards(url)

    async def read(self, keys: Sequence[str]) -> Boards:
        """All these boards; an absent one has no rows.

        Raises:
            UnavailableError: Redis cannot be reached or does not answer in time.
            BoardFormatError: one of them is no board of a format known here.
        """
        async with reaching_redis():
            values = await self._values.values(keys)
        return parse(values)

    async def write(self, writes: Sequence[Write]) -> list[int]:
        """Write the boards that nobody wrote meanwhile.

        Returns:
            The positions of those that somebody did: they must be read and merged again.

        Raises:
            UnavailableError: Redis cannot be reached, does not answer in time or refuses writes. Some boards may
                be written all the same.
        """
        async with reaching_redis():
            return await self._values.compare_and_set(writes)

    async def ping(self) -> None:
        """Make sure that Redis answers.

        Raises:
            UnavailableError: it does not, or a part of a cluster does not.
        """
        async with reaching_redis():
            await self._values.ping()

    async def close(self) -> None:
        """Close all connections."""
        await self._values.close()


class _Values(Protocol):
    """Where the values of boards are."""

    async def values(self, keys: Sequence[str]) -> list[bytes | None]: ...

    async def compare_and_set(self, writes: Sequence[Write]) -> list[int]: ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...
