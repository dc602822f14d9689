"""Calls in parts, against nodes that answer as those of a cluster do."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ClusterError,
    MovedError,
    OutOfMemoryError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from fleet.bench.one_redis import open_one
from shared.errors import ConfigurationError
from shared.redis_cluster import parts
from shared.redis_cluster.addresses import Address, ClusterUrl, is_cluster
from shared.redis_cluster.nodes import SLOTS, Nodes
from shared.redis_cluster.parts import Answer, call_in_parts

A, B, C = (Address("10.0.0.1", port) for port in (7000, 7001, 7002))


class World:
    """A cluster of three nodes; key number n is of slot n // 10, and each node serves a third of the slots."""

    def __init__(self) -> None:
        self.owners = (
            dict.fromkeys(range(100), A) | dict.fromkeys(range(100, 200), B) | dict.fromkeys(range(200, 300), C)
        )
        self.told = dict(self.owners)  # what nodes tell of it, which may be out of date
        self.moving: dict[int, Address] = {}
        self.arrived: set[int] = set()  # keys of moving slots that are at the new owner
        self.away: set[Address] = set()
        self.full: set[Address] = set()
        self.misled: dict[Address, Address] = {}  # who takes whom for the owner of everything
        self.sent: list[tuple[Address, list[tuple[Any, ...]]]] = []
        self.nodes = Nodes([A], lambda address: Client(self, address))  # type: ignore[arg-type, return-value]  # stands in

    async def read(self, *keys: int) -> dict[int, Any]:
        """The node that had each key in the end."""
        slots = [key // 10 for key in keys]
        answers = await call_in_parts(
            self.nodes, slots, lambda positions: ("MGET", *(keys[position] for position in positions)), ("PREAMBLE",)
        )
        return {keys[position]: value for answer in answers for position, value in zip(*answer, strict=True)}

    def answer(self, node: Address, asking: bool, keys: Sequence[int]) -> list[Address] | ResponseError:
        slot = keys[0] // 10
        if node in self.full:
            return OutOfMemoryError("command not allowed")
        if node in self.misled:
            return MovedError(f"{slot} {self.misled[node].host}:{self.misled[node].port}")
        target, here = self.moving.get(slot), [(key in self.arrived) == (node == self.moving.get(slot)) for key in keys]
        if node == target and asking:
            return [node for _ in keys] if len(keys) == 1 or all(here) else TryAgainError("")
        if node != self.owners[slot]:
            return MovedError(f"{slot} {self.owners[slot].host}:{self.owners[slot].port}")
        if target and not all(here):
            return TryAgainError("") if any(here) else AskError(f"{slot} {target.host}:{target.port}")
        return [node for _ in keys]


class Client:
    """Stands in for redis-py's client of a node."""

    def __init__(self, world: World, address: Address) -> None:
        self.world = world
        self.address = address
        self.commands: list[tuple[Any, ...]] = []

    async def cluster(self, what: str) -> list[Any]:
        assert what == "SLOTS"
        self._reach()
        return [[slot, slot, [owner.host.encode(), owner.port, b"id"]] for slot, owner in self.world.told.items()]

    def pipeline(self, transaction: bool) -> "Client":
        assert not transaction
        return Client(self.world, self.address)

    def execute_command(self, *command: object) -> None:
        self.commands.append(command)

    async def execute(self, raise_on_error: bool) -> list[Any]:
        assert not raise_on_error
        self._reach()
        self.world.sent.append((self.address, self.commands))
        before = [("",), *self.commands]
        return [
            self.world.answer(self.address, last == ("ASKING",), command[1:]) if command[0] == "MGET" else "OK"
            for last, command in zip(before, self.commands, strict=False)
        ]

    async def aclose(self) -> None:
        self.world.away.discard(self.address)

    def _reach(self) -> None:
        if self.address in self.world.away:
            raise RedisConnectionError("away")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(parts, "_PAUSES_S", (0, 0))
    return World()


async def test_a_call_is_one_pipeline_a_node_and_one_command_a_slot(world: World) -> None:
    assert await world.read(2999, 1, 1000, 2, 1001, 15) == {1: A, 2: A, 15: A, 1000: B, 1001: B, 2999: C}
    assert dict(world.sent) == {
        A: [("PREAMBLE",), ("MGET", 1, 2), ("MGET", 15)],
        B: [("PREAMBLE",), ("MGET", 1000, 1001)],
        C: [("PREAMBLE",), ("MGET", 2999)],
    }


async def test_a_slot_that_has_moved_is_looked_for_once(world: World) -> None:
    await world.read(1)
    world.owners[0] = B
    world.sent.clear()
    assert await world.read(1, 2, 15) == {1: B, 2: B, 15: A}
    assert await world.read(1) == {1: B}
    assert [node for node, _ in world.sent] == [A, B, B]


async def test_while_a_slot_moves_each_key_is_found_where_it_is(world: World) -> None:
    world.moving[0] = B
    world.arrived = {2, 5}
    assert await world.read(1, 2, 3, 5, 1000) == {1: A, 2: B, 3: A, 5: B, 1000: B}
    world.arrived = {1, 2, 3, 5}
    assert await world.read(1, 2, 3, 5) == {1: B, 2: B, 3: B, 5: B}
    assert world.nodes.owner(0) == A, "until the move has ended"


async def test_what_a_failed_node_served_is_asked_of_its_successor_and_nothing_else_again(world: World) -> None:
    await world.read(1)
    world.away.add(B)
    world.owners |= dict.fromkeys(range(100, 200), C)
    world.told = world.owners
    world.sent.clear()
    assert await world.read(1, 1000, 2000) == {1: A, 1000: C, 2000: C}
    assert Counter(node for node, _ in world.sent) == {A: 1, C: 2}


async def test_a_node_that_stays_away_is_the_end_of_a_call(world: World) -> None:
    await world.read(1)
    world.away.add(B)
    with pytest.raises(RedisConnectionError, match="away"):
        await world.read(1, 1000)


async def test_a_slot_that_nobody_serves_is_the_end_of_a_call(world: World) -> None:
    with pytest.raises(ClusterDownError):
        await world.read(SLOTS * 10 - 1)


async def test_nodes_that_send_to_each_other_for_ever_are_the_end_of_a_call(world: World) -> None:
    world.misled = {A: B, B: A}
    with pytest.raises(ClusterError, match="from node to node"):
        await world.read(1)


async def test_what_a_command_fails_with_is_raised(world: World) -> None:
    world.full.add(B)
    with pytest.raises(OutOfMemoryError):
        await world.read(1, 1000)


async def test_nodes_found_since_are_asked_when_those_in_the_address_are_away(world: World) -> None:
    await world.read(1)
    world.away.add(A)
    world.owners |= dict.fromkeys(range(100), C)
    world.told = world.owners
    assert await world.read(1) == {1: C}


async def test_answers_name_the_positions_they_are_about() -> None:
    nodes = World().nodes
    answers = await call_in_parts(nodes, [5, 150, 5], lambda positions: ("MGET", *(50 for _ in positions)))
    assert min(answers) == Answer((0, 2), [A, A])


def test_an_address_of_a_cluster_names_nodes_and_credentials() -> None:
    url = ClusterUrl.parse("redis+cluster://ann:p%40ss%2Fword@one.example:7000,[::1]:7001,10.0.0.3:7002/")
    assert url.seeds == (("one.example", 7000), ("::1", 7001), ("10.0.0.3", 7002))
    assert (url.username, url.password) == ("ann", "p@ss/word")
    assert "word" not in repr(url)
    assert ClusterUrl.parse("redis+cluster://h:1") == ClusterUrl((Address("h", 1),), None, None)


@pytest.mark.parametrize("nodes", ["", "host", "host:port", "host:7000,", "host:70000", ":7000"])
def test_an_address_without_a_host_or_port_is_refused_without_its_password(nodes: str) -> None:
    with pytest.raises(ConfigurationError, match=r"redis\+cluster://:password@host:port") as refused:
        ClusterUrl.parse(f"redis+cluster://:hunter2@{nodes}/")
    assert "hunter2" not in str(refused.value)


def test_only_its_own_scheme_means_a_cluster() -> None:
    assert is_cluster("redis+cluster://host:7000/")
    assert not is_cluster("redis://host:7000/0")


def test_a_bench_that_looks_into_one_server_says_so_of_a_cluster() -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL names a cluster: unset it"):
        open_one("redis+cluster://127.0.0.1:7000/")
