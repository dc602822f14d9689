"""A route always lies on the same shard, and shards share the routes evenly."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ConfigurationError
from shared.shard_map import BUCKETS, ShardMap, bucket_of

URLS = [f"postgresql://db{number}/farelark" for number in range(4)]


@pytest.mark.parametrize(("route", "bucket"), [("NYC-LON", 742), ("LON-NYC", 1020), ("BCN-BUD", 785)])
def test_the_bucket_of_a_route_never_changes(route: str, bucket: int) -> None:
    """Another hash would look for alerts where they are not."""
    assert bucket == bucket_of(route)


@given(st.from_regex(r"[A-Z]{3}-[A-Z]{3}", fullmatch=True), st.integers(1, BUCKETS))
def test_every_route_has_a_shard(route: str, count: int) -> None:
    shard_map = ShardMap.even(URLS[:1] * count)
    assert 0 <= shard_map.shard_of(route) < count


@given(st.integers(1, BUCKETS))
def test_buckets_are_parted_evenly_and_in_one_piece(count: int) -> None:
    shards = ShardMap.even(URLS[:1] * count).shards
    sizes = Counter(shards)

    assert list(shards) == sorted(shards)
    assert len(shards) == BUCKETS
    assert len(sizes) == count
    assert max(sizes.values()) - min(sizes.values()) <= 1


def test_the_shards_of_routes_follow_from_their_buckets() -> None:
    shard_map = ShardMap.even(URLS)
    assert {route: shard_map.shard_of(route) for route in ("NYC-LON", "LON-NYC", "BCN-BUD")} == {
        "NYC-LON": bucket_of("NYC-LON") // 256,
        "LON-NYC": bucket_of("LON-NYC") // 256,
        "BCN-BUD": bucket_of("BCN-BUD") // 256,
    }


def test_a_map_without_a_shard_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one shard"):
        ShardMap.even([])
