"""Fare boards on a real Redis Cluster whose slots move, whose nodes freeze, fill up and end, or cannot be reached."""

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from shared.errors import ConfigurationError, UnavailableError
from shared.fare_boards.layout import ABSENT, Boards
from shared.fare_boards.store import BoardStore
from tests.integration.on_cluster.boards_of_routes import DATES, KEYS, OF_THE_ROUTE, ROUTE, ROUTES, new, write
from tests.integration.on_cluster.redis_cluster import ClusterInTest, SlotMove, running_cluster
from tests.private_servers import Servers


async def test_while_a_slot_moves_its_boards_are_read_and_written_wherever_they_are(
    boards: BoardStore, cluster: ClusterInTest
) -> None:
    await boards.write(new(OF_THE_ROUTE[:6]))
    move = SlotMove(cluster, ROUTE)
    move.begin()
    assert move.carry(3) == 3
    for number in range(3):
        read = await boards.read(OF_THE_ROUTE + KEYS[:50])
        assert sum(header != ABSENT for header in read.headers) == (6 if number == 0 else 10)
        both = zip(OF_THE_ROUTE, read.headers, strict=False)
        assert await boards.write([write(key, header, 100 * number + i) for i, (key, header) in enumerate(both)]) == []
    assert move.carry(10) == 3, "the absent ones were made where the slot goes"
    move.end()
    assert (await boards.read(OF_THE_ROUTE)).rows["fare"].tolist() == [200 + i for i in range(10)]
    assert cluster.master_of(ROUTE) == move.target
    assert set(move.target.client.keys()) >= {f"fares:{{{ROUTE}}}:{date}".encode() for date in DATES}


async def count_up(boards: BoardStore, keys: Sequence[str], stop: asyncio.Event) -> int:
    """Add one to each board again and again as a worker does; returns how often it was done."""
    done = 0
    while not stop.is_set():
        left = list(keys)
        while left:
            try:
                read = await boards.read(left)
                numbers = iter(read.rows["fare"].tolist())
                next_numbers = [next(numbers) + 1 if header else 1 for header in read.headers]
                conflicts = await boards.write(list(map(write, left, read.headers, next_numbers)))
            except UnavailableError:
                await asyncio.sleep(0.05)
                continue
            done += len(left) - len(conflicts)
            left = [left[position] for position in conflicts]
    return done


async def counted(boards: BoardStore, keys: Sequence[str]) -> int:
    return int((await patiently_read(boards, keys)).rows["fare"].sum())


async def test_no_write_is_lost_while_slots_move_under_two_writers(boards: BoardStore, cluster: ClusterInTest) -> None:
    keys, stop, other = [*OF_THE_ROUTE, *KEYS[:100]], asyncio.Event(), BoardStore(cluster.url)
    async with asyncio.TaskGroup() as writing:
        writers = [writing.create_task(count_up(store, keys, stop)) for store in (boards, other)]
        for route in (ROUTE, ROUTES[0], ROUTES[1], ROUTE):
            move = SlotMove(cluster, route)
            before = await counted(boards, keys)
            await asyncio.to_thread(move.begin)
            while await asyncio.to_thread(move.carry, 1):
                await boards.ping()
            await counted_beyond(boards, keys, before)  # while the slot is on neither side as a whole
            await asyncio.to_thread(move.end)
        stop.set()
    assert await counted(boards, keys) == sum(writer.result() for writer in writers)
    await other.close()


async def counted_beyond(boards: BoardStore, keys: Sequence[str], before: int) -> None:
    async with asyncio.timeout(30):
        while await counted(boards, keys) <= before:
            pass


async def test_a_full_master_is_unavailable_for_writes(boards: BoardStore, cluster: ClusterInTest) -> None:
    await boards.write(new(OF_THE_ROUTE))
    full = cluster.master_of(ROUTE).client
    full.config_set("maxmemory", 1)
    try:
        with pytest.raises(UnavailableError, match="OutOfMemory"):
            await boards.write(new(KEYS))
    finally:
        full.config_set("maxmemory", 0)
    assert len((await boards.read(OF_THE_ROUTE)).rows) == len(OF_THE_ROUTE)


async def test_nodes_are_found_through_any_one_of_them(cluster: ClusterInTest) -> None:
    for node in (cluster.nodes[0], cluster.nodes[-1]):
        store = BoardStore(f"redis+cluster://:{node.server.password}@127.0.0.1:1,127.0.0.1:{node.server.port}/")
        headers = (await store.read(KEYS)).headers
        assert await store.write(list(map(write, KEYS, headers))) == []
        await store.close()


@pytest.mark.parametrize("nodes", ["127.0.0.1:1", "127.0.0.1:1,127.0.0.1:2"])
async def test_no_node_within_reach_is_unavailable_without_an_address(nodes: str) -> None:
    store = BoardStore(f"redis+cluster://:hunter2@{nodes}/")
    async with asyncio.timeout(4):
        for call in (store.read(KEYS), store.write(new(KEYS)), store.ping()):
            with pytest.raises(UnavailableError) as refused:
                await call
            assert "hunter2" not in str(refused.value)
            assert "127.0.0.1" not in str(refused.value)
    await store.close()


async def test_a_wrong_password_is_unavailable_and_not_told(cluster: ClusterInTest) -> None:
    right = cluster.nodes[0].server.password
    store = BoardStore(cluster.url.replace(right, "hunter2"))
    async with asyncio.timeout(4):
        with pytest.raises(UnavailableError, match="AuthenticationError") as refused:
            await store.read(KEYS)
    assert "hunter2" not in str(refused.value)
    await store.close()


async def test_an_address_without_a_port_is_a_fault_of_configuration_that_tells_no_password() -> None:
    with pytest.raises(ConfigurationError, match=r"redis\+cluster://") as refused:
        BoardStore("redis+cluster://:hunter2@localhost/")
    assert "hunter2" not in str(refused.value)


async def test_a_server_that_is_no_cluster_is_unavailable(servers: Servers) -> None:
    store = BoardStore(f"redis+cluster://:{servers.redis.password}@127.0.0.1:{servers.redis.port}/")
    with pytest.raises(UnavailableError):
        await store.read(KEYS)
    await store.close()


@pytest.fixture
def failing(server_programs: bool, tmp_path: Path) -> Iterator[ClusterInTest]:
    """A cluster of the test's own, for it will not be well again soon."""
    assert server_programs
    with running_cluster(tmp_path) as cluster:
        yield cluster


async def test_a_frozen_master_makes_its_boards_unavailable_within_about_two_seconds(failing: ClusterInTest) -> None:
    store = BoardStore(failing.url)
    await store.write(new(KEYS))
    frozen = failing.master_of(ROUTE)
    os.kill(frozen.pid, signal.SIGSTOP)
    async with asyncio.timeout(4):
        calls = (store.read(OF_THE_ROUTE), store.write(new(OF_THE_ROUTE)), store.ping())
        failures = await asyncio.gather(*calls, return_exceptions=True)
    os.kill(frozen.pid, signal.SIGCONT)
    assert [type(failure) for failure in failures] == [UnavailableError] * 3
    assert len((await patiently_read(store, KEYS)).rows) == len(KEYS)
    await store.close()


async def test_when_a_master_ends_its_replica_takes_over_and_writing_goes_on(failing: ClusterInTest) -> None:
    store, stop = BoardStore(failing.url), asyncio.Event()
    await store.write(new(KEYS))
    ended = failing.master_of(ROUTE)
    async with asyncio.TaskGroup() as writing:
        writer = writing.create_task(count_up(store, KEYS, stop))
        await counted_beyond(store, KEYS, await counted(store, KEYS))
        failing.kill(ended)
        await asyncio.to_thread(failing.wait_until_well, ended)
        await counted_beyond(store, KEYS, await counted(store, KEYS))
        stop.set()
    assert writer.result() > len(KEYS)
    assert failing.master_of(ROUTE) != ended
    assert len((await store.read(KEYS)).rows) == len(KEYS)
    await store.close()


async def patiently_read(boards: BoardStore, keys: Sequence[str]) -> Boards:
    async with asyncio.timeout(60):
        while True:
            try:
                return await boards.read(keys)
            except UnavailableError:
                await asyncio.sleep(0.1)
