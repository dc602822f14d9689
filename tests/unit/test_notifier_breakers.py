"""Shards and Redis are left alone by the notifier while they keep failing, each for itself."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from services.notifier.vetting.alerts import AlertReader
from services.notifier.vetting.boards import FareReader
from shared.errors import ConfigurationError, MapMovedError, UnavailableError
from shared.fare_boards.layout import Boards
from shared.fare_boards.store import BoardStore
from shared.shards import Shards, ShardTransaction
from tests.sample_notices import EXPIRY, FARE


class BrokenShards(Shards):
    """Three shards of which every transaction ends as its shard is told to."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__([cast("Any", None)] * len(errors))
        self.errors = errors
        self.asked: list[int] = []

    @asynccontextmanager
    async def transaction(self, shard: int, buckets: Collection[int]) -> AsyncIterator[ShardTransaction]:
        assert buckets
        if shard not in self.numbers:
            raise ConfigurationError("name all shards")
        self.asked.append(shard)
        if error := self.errors[shard]:
            raise error
        yield cast("Any", None)


class Redis(BoardStore):
    """Redis that is away or back."""

    def __init__(self) -> None:
        super().__init__("redis://nowhere")
        self.asked = 0

    async def read(self, keys: Sequence[str]) -> Boards:
        assert keys
        self.asked += 1
        raise UnavailableError("redis")


async def test_a_shard_that_keeps_failing_is_not_asked_and_the_others_are() -> None:
    shards = BrokenShards(UnavailableError("shard0"), MapMovedError("shard1"))
    reader = AlertReader(shards)
    for _ in range(5):
        with pytest.raises(UnavailableError, match="shard0"):
            await reader.read(0, [EXPIRY])
        with pytest.raises(MapMovedError):
            await reader.read(1, [EXPIRY])
    assert (shards.asked.count(0), shards.asked.count(1)) == (3, 5)


async def test_a_shard_that_only_the_map_knows_is_a_matter_of_configuration() -> None:
    reader = AlertReader(BrokenShards(UnavailableError("shard0")))
    with pytest.raises(ConfigurationError):
        await reader.read(1, [EXPIRY])


async def test_redis_that_keeps_failing_is_not_asked() -> None:
    redis = Redis()
    reader = FareReader(redis)
    for _ in range(5):
        with pytest.raises(UnavailableError, match="redis"):
            await reader.read([FARE])
    assert redis.asked == 3


async def test_where_no_board_is_read_redis_is_not_needed() -> None:
    redis = Redis()
    assert await FareReader(redis).read([]) == {}
    assert redis.asked == 0
