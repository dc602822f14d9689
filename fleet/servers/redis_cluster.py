"""A private Redis Cluster on 127.0.0.1: three masters, and a replica of each that takes over when it ends."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis as Client
from redis import RedisError

from fleet.servers import redis
from fleet.servers.children import Children
from fleet.servers.passwords import kept_password
from fleet.servers.ports import LOOPBACK, free_ports
from fleet.servers.redis import Redis

MASTERS = 3
SLOTS = 16_384
# How long a node may be silent before the others replace it: short for a test, and not so short that a machine under
# load replaces one that lives.
_NODE_TIMEOUT_MS = 2_000

_CONFIG = """\
cluster-enabled yes
cluster-config-file nodes.conf
cluster-node-timeout {timeout}
cluster-announce-ip {host}
cluster-port {bus}
masterauth {password}
repl-diskless-sync-delay 0
"""


@dataclass(frozen=True, slots=True)
class RedisCluster:
    """The nodes: first those that begin as masters, then a replica for each."""

    nodes: tuple[Redis, ...]
    buses: tuple[int, ...]  # the ports on which the nodes talk to each other
    name: str = "redis_cluster"

    @property
    def url(self) -> str:
        """The address for clients, with all nodes."""
        places = ",".join(f"{LOOPBACK}:{node.port}" for node in self.nodes)
        return f"redis+cluster://:{self.nodes[0].password}@{places}/"

    def ready(self) -> bool:
        """Tell whether all slots are served and every replica follows its master; bring the nodes together first."""
        try:
            with self._clients() as clients:
                return self._acquainted(clients) and self._followed(clients) and all(map(_well, clients))
        except RedisError:
            return False

    @contextmanager
    def _clients(self) -> Iterator[list[Client]]:
        with ExitStack() as stack:
            yield [stack.enter_context(Client.from_url(node.url, socket_timeout=5)) for node in self.nodes]

    def _acquainted(self, clients: list[Client]) -> bool:
        """Give each master its share of the slots and let the nodes meet, once; tell whether all know all."""
        known = [int(_info(client)["cluster_known_nodes"]) for client in clients]
        if max(known) == 1:
            for number, client in enumerate(clients):
                client.cluster("SET-CONFIG-EPOCH", number + 1)  # none is newer by chance
                if number < MASTERS:
                    client.cluster("ADDSLOTSRANGE", *_share(number))
            for node, bus in zip(self.nodes, self.buses, strict=True):
                clients[0].cluster("MEET", LOOPBACK, node.port, bus)
        return min(known) == len(self.nodes)

    def _followed(self, clients: list[Client]) -> bool:
        """Make the others replicas, once they know whose."""
        for replica, master in zip(clients[MASTERS:], clients[:MASTERS], strict=True):
            if replica.info("replication")["role"] == "master" and int(_info(replica)["cluster_size"]) == MASTERS:
                replica.cluster("REPLICATE", master.cluster("MYID"))
        return all(replica.info("replication").get("master_link_status") == "up" for replica in clients[MASTERS:])


def launch(children: Children, folder: Path) -> RedisCluster:
    """Start the nodes with their data in `folder`; wait for all with `Children.wait_ready`."""
    folder.mkdir(exist_ok=True)
    password = kept_password(folder / "password")
    ports = free_ports(4 * MASTERS)
    nodes = tuple(Redis(port, password, f"redis-{port}") for port in ports[: 2 * MASTERS])
    cluster = RedisCluster(nodes, tuple(ports[2 * MASTERS :]))
    for node in nodes:
        start(children, folder, cluster, node)
    return cluster


def start(children: Children, folder: Path, cluster: RedisCluster, node: Redis) -> None:
    """Start a node that is there already, or was; it remembers which cluster it belongs to."""
    own = folder / node.name
    own.mkdir(exist_ok=True)
    bus = cluster.buses[cluster.nodes.index(node)]
    config = _CONFIG.format(timeout=_NODE_TIMEOUT_MS, host=LOOPBACK, bus=bus, password=node.password)
    redis.start(children, own, node, config)


def _share(number: int) -> tuple[int, int]:
    """The first and the last slot of a master."""
    return number * SLOTS // MASTERS, (number + 1) * SLOTS // MASTERS - 1


def _info(client: Client) -> dict[str, Any]:
    return dict(client.cluster("INFO"))


def _well(client: Client) -> bool:
    return _info(client)["cluster_state"] == "ok"
