"""Which database holds the alerts and the history of a route."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from shared.errors import ConfigurationError

BUCKETS: Final = 1_024


@lru_cache(maxsize=65_536)
def bucket_of(route: str) -> int:
    """The bucket of a route such as `NYC-LON`: the same in every process and version."""
    return zlib.crc32(route.encode()) % BUCKETS


@dataclass(frozen=True, slots=True)
class ShardMap:
    """Bucket to shard number, shard number to database address."""

    version: int
    urls: tuple[str, ...]
    shards: tuple[int, ...]

    @classmethod
    def even(cls, urls: Sequence[str], version: int = 1) -> "ShardMap":
        """Buckets in equal contiguous parts.

        Raises:
            ConfigurationError: there is no shard.
        """
        if not urls:
            raise ConfigurationError("SHARD_URLS must name at least one shard")
        return cls(version, tuple(urls), tuple(bucket * len(urls) // BUCKETS for bucket in range(BUCKETS)))

    def shard_of(self, route: str) -> int:
        """The number of the shard that holds this route."""
        return self.shards[bucket_of(route)]
