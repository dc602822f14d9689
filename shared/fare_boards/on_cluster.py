"""Fare boards on a Redis Cluster, where those of a route lie together: one MGET or one script call for each."""

from collections.abc import Sequence
from functools import lru_cache

from redis.crc import key_slot
from redis.typing import EncodableT

from shared.fare_boards.compare_and_set import SCRIPT, Write, arguments
from shared.redis_cluster.parts import call_in_parts
from shared.redis_cluster.scripts import evalsha, loading
from shared.redis_connections import open_cluster


class ClusterBoards:
    """Values of boards on a cluster, under keys with a hash tag: `fares:{JFK-LHR}:2026-12-24`.

    Every method raises what the client does. A batch is no transaction: when a call fails, the boards on some nodes
    may be written and those on others not. So it is repeated as a whole, from reading on; what was written is then
    found on the boards.
    """

    def __init__(self, url: str) -> None:
        self._nodes = open_cluster(url)

    async def values(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values, None of a board that does not exist."""
        tagged, slots = _placed(keys)
        found: list[bytes | None] = [None] * len(keys)
        answers = await call_in_parts(
            self._nodes, slots, lambda positions: ("MGET", *(tagged[position] for position in positions))
        )
        for positions, values in answers:
            for position, value in zip(positions, values, strict=True):
                found[position] = value
        return found

    async def compare_and_set(self, writes: Sequence[Write]) -> list[int]:
        """The positions of the boards that were not written."""
        tagged, slots = _placed([write.key for write in writes])

        def call(positions: Sequence[int]) -> Sequence[EncodableT]:
            own = arguments(writes[position] for position in positions)
            return evalsha(SCRIPT, [tagged[position] for position in positions], own)

        answers = await call_in_parts(self._nodes, slots, call, loading(SCRIPT))
        return sorted(positions[conflict] for positions, conflicts in answers for conflict in conflicts)

    async def ping(self) -> None:
        """Return if every slot is served."""
        await self._nodes.make_sure_of_all()

    async def close(self) -> None:
        """Close all connections."""
        await self._nodes.close()


def _placed(keys: Sequence[str]) -> tuple[list[str], list[int]]:
    """The keys as they are on a cluster, and their slots."""
    tagged, slots = [], []
    for key in keys:
        name, route, dates = key.split(":", 2)
        tagged.append(f"{name}:{{{route}}}:{dates}")
        slots.append(_slot(route))
    return tagged, slots


@lru_cache(maxsize=65_536)
def _slot(route: str) -> int:
    return key_slot(route.encode())
