"""Fare boards on a real Redis Cluster: spread by route, read and written by part, each compared and set on its own."""

import asyncio

import pytest

from shared.fare_boards.layout import ABSENT, BoardFormatError
from shared.fare_boards.store import BoardStore
from tests.integration.on_cluster.boards_of_routes import DATES, KEYS, MIDNIGHT_OF_THE_YEAR_2100, ROUTES, new, write
from tests.integration.on_cluster.redis_cluster import ClusterInTest


async def test_boards_lie_on_all_masters_those_of_a_route_together(boards: BoardStore, cluster: ClusterInTest) -> None:
    assert await boards.write(new(KEYS)) == []
    held = cluster.keys()
    assert held.keys() == {f"fares:{{{route}}}:{date}" for route in ROUTES for date in DATES}
    assert {node.server.port for node in held.values()} == {master.server.port for master in cluster.masters}
    for route in ROUTES:
        assert {held[f"fares:{{{route}}}:{date}"] for date in DATES} == {cluster.master_of(route)}


@pytest.mark.parametrize("stride", [1, 7, len(KEYS) // 3])
async def test_boards_come_in_the_order_they_were_asked_for_and_absent_ones_have_no_rows(
    stride: int, boards: BoardStore
) -> None:
    await boards.write(new(KEYS[::2]))
    asked = sorted(KEYS, key=lambda key: key[::-1])[::stride]  # a route's boards far from each other
    read = await boards.read(asked)
    sizes = [int(size) for size in read.offsets[1:] - read.offsets[:-1]]
    assert sizes == [int(KEYS.index(key) % 2 == 0) for key in asked]
    assert [header == ABSENT for header in read.headers] == [not size for size in sizes]
    assert read.rows["fare"].tolist() == [KEYS.index(key) // 2 for key in asked if KEYS.index(key) % 2 == 0]


async def test_each_board_that_another_wrote_meanwhile_is_a_conflict_by_its_position(boards: BoardStore) -> None:
    await boards.write(new(KEYS))
    headers = (await boards.read(KEYS)).headers
    beaten = set(range(3, len(KEYS), 37))
    await boards.write([write(KEYS[i], headers[i], 1_000_000) for i in beaten])
    writes = [write(key, header, 2_000_000) for key, header in zip(KEYS, headers, strict=True)]
    assert await boards.write(writes) == sorted(beaten)
    assert (await boards.read(KEYS)).rows["fare"].tolist() == [
        1_000_000 if i in beaten else 2_000_000 for i in range(len(KEYS))
    ]


async def test_of_many_writers_at_once_exactly_one_wins_each_board(boards: BoardStore) -> None:
    keys = KEYS[::11]
    for _ in range(5):
        headers = (await boards.read(keys)).headers
        writes = [write(key, header) for key, header in zip(keys, headers, strict=True)]
        beaten = await asyncio.gather(*(boards.write(writes) for _ in range(6)))
        assert sorted(position for each in beaten for position in each) == sorted([*range(len(keys))] * 5)


async def test_every_board_expires_when_its_write_says_so(boards: BoardStore, cluster: ClusterInTest) -> None:
    await boards.write(new(KEYS[::50]))
    assert {node.client.expiretime(key) for key, node in cluster.keys().items()} == {MIDNIGHT_OF_THE_YEAR_2100}


async def test_a_value_of_an_unknown_format_is_named_by_its_position_in_the_batch(
    boards: BoardStore, cluster: ClusterInTest
) -> None:
    cluster.master_of(ROUTES[5]).client.set(f"fares:{{{ROUTES[5]}}}:{DATES[3]}", b"\x02" + bytes(7))
    with pytest.raises(BoardFormatError) as refused:
        await boards.read(KEYS)
    assert KEYS[refused.value.position] == f"fares:{ROUTES[5]}:{DATES[3]}"
