"""A route always lies in the same bucket, and a map says which shard holds it."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.shard_map import BUCKETS, ShardMap, bucket_of

routes = st.from_regex(r"[A-Z]{3}-[A-Z]{3}", fullmatch=True)
counts = st.integers(1, BUCKETS)
buckets = st.integers(0, BUCKETS - 1)


@pytest.mark.parametrize(("route", "bucket"), [("NYC-LON", 742), ("LON-NYC", 1020), ("BCN-BUD", 785)])
def test_the_bucket_of_a_route_never_changes(route: str, bucket: int) -> None:
    """Another hash would look for alerts where they are not."""
    assert bucket == bucket_of(route)


@given(routes, counts)
def test_every_route_has_a_shard_which_holds_its_bucket(route: str, count: int) -> None:
    shard_map = ShardMap.even(count)
    shard = shard_map.shard_of(route)
    assert 0 <= shard < count
    assert shard_map.holds(shard, [bucket_of(route)])
    assert not shard_map.holds(shard + 1, [bucket_of(route)])


@given(counts)
def test_buckets_are_first_parted_evenly_and_in_one_piece(count: int) -> None:
    shards = ShardMap.even(count).shards
    sizes = Counter(shards)

    assert list(shards) == sorted(shards)
    assert len(shards) == BUCKETS
    assert len(sizes) == count
    assert max(sizes.values()) - min(sizes.values()) <= 1


@given(buckets, st.integers(0, 3))
def test_the_next_map_differs_in_the_moved_bucket_alone(bucket: int, shard: int) -> None:
    before = ShardMap.even(4)
    after = before.moved(bucket, shard)

    assert after.version == before.version + 1
    assert after.shards[bucket] == shard
    assert [*after.shards[:bucket], *after.shards[bucket + 1 :]] == [
        *before.shards[:bucket],
        *before.shards[bucket + 1 :],
    ]


def test_one_bucket_elsewhere_is_enough_for_a_shard_not_to_hold_them() -> None:
    shard_map = ShardMap.even(2)
    assert shard_map.holds(0, [0, 1, 511])
    assert not shard_map.holds(0, [0, 1, 512])
    assert shard_map.holds(0, [])


@given(buckets)
def test_the_map_before_any_is_older_than_all_and_puts_nothing_anywhere(bucket: int) -> None:
    unknown = ShardMap.unknown()
    assert unknown.version < ShardMap.even(1).version
    assert not any(unknown.holds(shard, [bucket]) for shard in range(4))
