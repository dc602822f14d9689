"""Fare boards in a real Redis: compare-and-set, expiry, and what happens when Redis is frozen, full or damaged."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from fleet.servers import redis as redis_server
from fleet.servers.children import children_in
from shared.errors import UnavailableError
from shared.fare_boards.layout import ABSENT, FORMAT, HEADER_BYTES, ROW, BoardFormatError, next_headers
from shared.fare_boards.store import BoardStore, Write

KEY = "fares:JFK-LHR:2026-12-24"
OTHER = "fares:JFK-LHR:2026-12-25"
MIDNIGHT_OF_THE_YEAR_2100 = 4_102_444_800


def write(header: bytes, row: bytes, key: str = KEY) -> Write:
    return Write(key, header, next_headers([header])[0] + row.ljust(ROW.itemsize, b"\x00"), MIDNIGHT_OF_THE_YEAR_2100)


async def test_boards_are_read_in_order_and_an_absent_one_has_no_rows(boards: BoardStore) -> None:
    assert await boards.write([write(ABSENT, b"row", OTHER)]) == []
    absent, present = (await boards.read([KEY, OTHER])).headers
    assert absent == ABSENT
    assert present[0] == FORMAT
    assert (await boards.read([KEY, OTHER])).offsets.tolist() == [0, 0, 1]


async def test_of_two_writers_of_one_board_the_second_gets_a_conflict_and_changes_nothing(boards: BoardStore) -> None:
    (header,) = (await boards.read([KEY])).headers
    assert await boards.write([write(header, b"first")]) == []
    assert await boards.write([write(header, b"second"), write(ABSENT, b"third", OTHER)]) == [0]
    rows = (await boards.read([KEY, OTHER])).rows
    assert [row.tobytes().rstrip(b"\x00") for row in rows] == [b"first", b"third"]


async def test_of_many_writers_at_once_exactly_one_wins_each_round(boards: BoardStore) -> None:
    for _ in range(20):
        (header,) = (await boards.read([KEY])).headers
        outcomes = await asyncio.gather(*(boards.write([write(header, bytes([n]))]) for n in range(8)))
        assert sorted(outcomes) == [[]] + [[0]] * 7


async def test_a_board_that_vanished_is_a_conflict_too(boards: BoardStore, redis: Redis) -> None:
    await boards.write([write(ABSENT, b"row")])
    (header,) = (await boards.read([KEY])).headers
    await redis.flushall()
    assert await boards.write([write(header, b"next")]) == [0]


async def test_a_board_made_anew_never_has_a_header_of_before(boards: BoardStore, redis: Redis) -> None:
    headers = set()
    for _ in range(50):
        await boards.write([write(ABSENT, b"row")])
        headers.update((await boards.read([KEY])).headers)
        await redis.delete(KEY)
    assert len(headers) == 50


async def test_a_board_expires_when_its_write_says_so(boards: BoardStore, redis: Redis) -> None:
    await boards.write([write(ABSENT, b"row")])
    assert await redis.expiretime(KEY) == MIDNIGHT_OF_THE_YEAR_2100


@pytest.mark.parametrize("value", [b"\x02" + bytes(7), bytes([FORMAT]), bytes([FORMAT]) + bytes(HEADER_BYTES + 5)])
async def test_a_value_of_an_unknown_format_is_named_by_its_position(
    boards: BoardStore, redis: Redis, value: bytes
) -> None:
    await redis.set(OTHER, value)
    with pytest.raises(BoardFormatError, match=f"format {value[0]} with {len(value)} bytes") as refused:
        await boards.read([KEY, OTHER])
    assert refused.value.position == 1


@pytest.fixture
async def private(tmp_path: Path) -> AsyncIterator[tuple[Redis, BoardStore, int]]:
    """A Redis of the test's own, a store on it, and its pid."""
    with children_in(tmp_path, print) as children:
        server = redis_server.launch(children, tmp_path / "redis")
        children.wait_ready(server)
        store = BoardStore(server.url)
        async with Redis.from_url(server.url) as client:
            pid = int((await client.info("server"))["process_id"])
            yield client, store, pid
            os.kill(pid, signal.SIGCONT)
        await store.close()


async def test_a_frozen_redis_is_unavailable_within_about_two_seconds(private: tuple[Redis, BoardStore, int]) -> None:
    _, store, pid = private
    await store.ping()
    os.kill(pid, signal.SIGSTOP)
    for call in (store.ping(), store.read([KEY]), store.write([write(ABSENT, b"row")])):
        async with asyncio.timeout(4):
            with pytest.raises(UnavailableError, match="redis is unavailable"):
                await call
    os.kill(pid, signal.SIGCONT)
    await store.ping()


async def test_a_full_redis_is_unavailable_for_writes_and_keeps_its_boards(
    private: tuple[Redis, BoardStore, int],
) -> None:
    client, store, _ = private
    await store.write([write(ABSENT, b"row")])
    await client.config_set("maxmemory", "1mb")
    with pytest.raises(UnavailableError, match="redis is unavailable"):
        await store.write([write(ABSENT, b"row", OTHER)])
    assert (await store.read([KEY, OTHER])).offsets.tolist() == [0, 1, 1]


async def test_an_unreachable_redis_is_unavailable_without_its_address() -> None:
    store = BoardStore("redis://:secret@127.0.0.1:1/0")
    with pytest.raises(UnavailableError) as refused:
        await store.read([KEY])
    await store.close()
    assert "secret" not in str(refused.value)
    assert "127.0.0.1" not in str(refused.value)
