"""Which database holds the alerts and the history of a route."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

BUCKETS: Final = 1_024


@lru_cache(maxsize=65_536)
def bucket_of(route: str) -> int:
    """The bucket of a route such as `NYC-LON`: the same in every process and version."""
    return zlib.crc32(route.encode()) % BUCKETS


@dataclass(frozen=True, slots=True)
class ShardMap:
    """Bucket to shard number. Every shard holds a copy; the one with the highest version is in force."""

    version: int
    shards: tuple[int, ...]

    @classmethod
    def even(cls, count: int) -> "ShardMap":
        """The first map of so many shards: buckets in equal contiguous parts."""
        return cls(1, tuple(bucket * count // BUCKETS for bucket in range(BUCKETS)))

    @classmethod
    def unknown(cls) -> "ShardMap":
        """What stands in until a map is read: it puts every bucket nowhere."""
        return cls(0, (-1,) * BUCKETS)

    def holds(self, shard: int, buckets: Iterable[int]) -> bool:
        """Whether the shard holds all of these buckets."""
        return all(self.shards[bucket] == shard for bucket in buckets)

    def moved(self, bucket: int, shard: int) -> "ShardMap":
        """The next map, in which this shard holds this bucket."""
        return ShardMap(self.version + 1, (*self.shards[:bucket], shard, *self.shards[bucket + 1 :]))

    def shard_of(self, route: str) -> int:
        """The number of the shard that holds this route."""
        return self.shards[bucket_of(route)]
