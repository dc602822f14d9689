"""A cluster for tests, and what an operator or a fault does to one: move a slot, freeze a node, kill it."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis, RedisError
from redis.crc import key_slot

from fleet.servers import redis_cluster
from fleet.servers.children import Children, children_in
from fleet.servers.ports import LOOPBACK
from fleet.servers.redis import Redis as Server

FAILOVER_SECONDS = 60.0


@dataclass(frozen=True)
class Node:
    """A node and a client of it."""

    server: Server
    client: Redis
    pid: int

    @property
    def id(self) -> str:
        return str(self.client.cluster("MYID").decode())

    @property
    def is_master(self) -> bool:
        return bool(self.client.info("replication")["role"] == "master")


class ClusterInTest:
    """A running cluster."""

    def __init__(self, children: Children, server: redis_cluster.RedisCluster, nodes: Sequence[Node]) -> None:
        self.url = server.url
        self.nodes = list(nodes)
        self._children = children
        self._server = server

    @property
    def masters(self) -> list[Node]:
        return [node for node in self.nodes if node.is_master]

    def clear(self) -> None:
        """Forget all keys."""
        for master in self.masters:
            master.client.flushall()

    def keys(self) -> dict[str, Node]:
        """Every key, and who has it."""
        return {str(key, "ascii"): master for master in self.masters for key in master.client.scan_iter(count=1_000)}

    def master_of(self, route: str) -> Node:
        """Who has the boards of a route."""
        slot = key_slot(route.encode())
        ranges = self.masters[0].client.cluster("SLOTS")
        port = next(master[1] for first, last, master, *_ in ranges if first <= slot <= last)
        return next(node for node in self.nodes if node.server.port == port)

    def kill(self, node: Node) -> None:
        """End a node as a crash does."""
        os.kill(node.pid, signal.SIGKILL)
        self.nodes.remove(node)

    def wait_until_well(self, without: Node) -> None:
        """Wait until all nodes deem the cluster well without a master that is away."""
        deadline = time.monotonic() + FAILOVER_SECONDS
        while not all(_well(node, without) for node in self.nodes):
            assert time.monotonic() < deadline, f"not well again within {FAILOVER_SECONDS:g} s"
            time.sleep(0.05)


class SlotMove:
    """The slot of a route on its way to another master, step by step as an operator moves it."""

    def __init__(self, cluster: ClusterInTest, route: str) -> None:
        self._cluster = cluster
        self._slot = key_slot(route.encode())
        self.source = cluster.master_of(route)
        self.target = next(master for master in cluster.masters if master != self.source)

    def begin(self) -> None:
        """Keys that are not at the source are asked for at the target from now on."""
        self.target.client.cluster("SETSLOT", self._slot, "IMPORTING", self.source.id)
        self.source.client.cluster("SETSLOT", self._slot, "MIGRATING", self.target.id)

    def carry(self, count: int) -> int:
        """Move some keys; returns how many there were."""
        keys = self.source.client.cluster("GETKEYSINSLOT", self._slot, count)
        if keys:
            at = (LOOPBACK, self.target.server.port, "", 0, 5_000, "AUTH", self.target.server.password)
            self.source.client.execute_command("MIGRATE", *at, "KEYS", *keys)  # type: ignore[no-untyped-call]  # nor is it
        return len(keys)

    def end(self) -> None:
        """Give the slot to the target, which is told first; whoever hears of it later says MOVED until then."""
        others = [node for node in self._cluster.masters if node not in (self.source, self.target)]
        for node in (self.target, self.source, *others):
            node.client.cluster("SETSLOT", self._slot, "NODE", self.target.id)


@contextmanager
def running_cluster(folder: Path) -> Iterator[ClusterInTest]:
    """Three masters with a replica each, while the block runs."""
    with children_in(folder, print) as children, ExitStack() as clients:
        server = redis_cluster.launch(children, children.folder / "redis_cluster")
        children.wait_ready(server)
        nodes = []
        for each in server.nodes:
            client = clients.enter_context(Redis.from_url(each.url, socket_timeout=5))
            nodes.append(Node(each, client, int(client.info("server")["process_id"])))
        yield ClusterInTest(children, server, nodes)


def _well(node: Node, without: Node) -> bool:
    try:
        state = node.client.cluster("INFO")["cluster_state"]
        masters = [master[1] for _, _, master, *_ in node.client.cluster("SLOTS")]
    except RedisError:
        return False
    return bool(state == "ok") and without.server.port not in masters
