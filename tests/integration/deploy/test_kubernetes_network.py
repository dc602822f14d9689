"""Who may talk to whom: each service to the servers that its settings name, and to nobody else."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.integration.deploy.kubernetes_manifests import COMPONENT, Manifests, Pod
from tests.integration.deploy.kubernetes_network import Network, Peer
from tests.integration.deploy.kubernetes_settings import secret_files

SERVICES = ("ingest_gateway", "price_worker", "alert_worker", "history_worker", "notifier", "alerts_api")
INTERNET = "142.250.0.1"
INTERNET_V6 = "2a00:1450::1"
# Where a stolen pod would look next: the cloud's metadata, private networks, and none of our servers.
INSIDE = ("169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "fd00::1")
# The way to a server that each setting is.
SERVERS = {
    "rabbitmq_url": ("rabbitmq", 5672),
    "rabbitmq_management_url": ("rabbitmq", 15672),
    "redis_url": ("redis", 6379),
    "accounts_url": ("accounts", 5432),
    "shard_urls": ("shard", 5432),
}
PORTS = (443, 4369, 5432, 5672, 6379, 8000, 8001, 9100, 15672, 15692, 25672)


class Target(NamedTuple):
    """Somebody to be connected to, by a name for the test."""

    name: str
    peer: Peer


def of(component: str) -> Peer:
    return Peer.pod({COMPONENT: component})


def servers(manifests: Manifests) -> Iterator[Target]:
    """In development they are pods, in production addresses, of which the first of each network will do."""
    yield Target("rabbitmq", of("rabbitmq"))
    for name, policy in (("redis", "to-redis"), ("accounts", "to-accounts"), ("shard", "to-shards")):
        (peer,) = manifests.of("NetworkPolicy")[policy]["spec"]["egress"][0]["to"]
        outside = peer.get("ipBlock", {}).get("cidr", "").partition("/")[0]
        yield Target(name, Peer.outside(outside) if outside else of(name))


def targets(manifests: Manifests) -> Iterator[Target]:
    yield from servers(manifests)
    yield from (Target(component, of(component)) for component in (*SERVICES, "operations", "migrations"))
    yield Target("internet", Peer.outside(INTERNET))
    yield Target("internet", Peer.outside(INTERNET_V6))
    yield from (Target("inside", Peer.outside(address)) for address in INSIDE)
    yield Target("kubernetes", Peer.pod({}, "kube-system"))
    yield Target("monitoring", Peer.pod({}, "monitoring"))


def needed(manifests: Manifests, pod: Pod) -> set[tuple[str, int]]:
    """What its settings name, and beyond that: FCM for notifiers, sources for gateways, all metrics for operations."""
    needs = {SERVERS[name] for name in secret_files(manifests, pod) if name in SERVERS}
    if pod.component in {"ingest_gateway", "notifier"} and manifests.overlay == "production":
        needs.add(("internet", 443))
    if pod.component == "operations":
        needs |= {(service, 9100) for service in SERVICES}
    return needs


def test_a_service_reaches_the_servers_of_its_settings_and_nothing_else(manifests: Manifests) -> None:
    network = Network(manifests)
    for pod in manifests.ours():
        reached = {
            (target.name, port)
            for target in targets(manifests)
            for port in PORTS
            if network.lets(Peer.pod(pod.labels), target.peer, port)
        }
        assert reached == needed(manifests, pod), pod.name


def test_everybody_may_ask_for_names_and_nothing_else_of_the_cluster(manifests: Manifests) -> None:
    network = Network(manifests)
    names = Peer.pod({"k8s-app": "kube-dns"}, "kube-system")
    for pod in manifests.pods():
        assert network.lets(Peer.pod(pod.labels), names, 53, "UDP"), pod.name
        assert network.lets(Peer.pod(pod.labels), names, 53), pod.name
        assert not network.lets(Peer.pod(pod.labels), Peer.pod({}, "kube-system"), 53), pod.name


def test_servers_reach_nobody_but_rabbitmq_its_own_nodes(manifests: Manifests) -> None:
    network = Network(manifests)
    for server in (pod for pod in manifests.pods() if pod not in manifests.ours()):
        assert not any(
            network.lets(Peer.pod(server.labels), target.peer, port) for target in targets(manifests) for port in PORTS
        ), server.name
    reached = {
        (target.name, port)
        for target in targets(manifests)
        for port in PORTS
        if network.lets(of("rabbitmq"), target.peer, port)
    }
    assert reached == {("rabbitmq", 4369), ("rabbitmq", 25672)}


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [
        ("ingress-nginx", {("ingest_gateway", 8001), ("alerts_api", 8000)}),
        ("monitoring", {*((each, 9100) for each in (*SERVICES, "operations")), ("rabbitmq", 15692)}),
        ("keda", {("rabbitmq", 15672)}),
        ("rabbitmq-system", {("rabbitmq", 15672)}),
        ("default", set()),
    ],
)
def test_others_of_the_cluster_get_in_where_they_must(
    manifests: Manifests, namespace: str, expected: set[tuple[str, int]]
) -> None:
    network = Network(manifests)
    there = [target for target in targets(manifests) if target.peer.address is None]
    reached = {
        (target.name, port)
        for target in there
        if target.peer.namespace == "farelark"
        for port in PORTS
        if network.lets(Peer.pod({}, namespace), target.peer, port)
    }
    assert reached == expected


def test_who_has_no_policy_of_its_own_may_do_nothing(manifests: Manifests) -> None:
    """As a pod that somebody starts by hand to look around."""
    network = Network(manifests)
    stranger = of("stranger")
    assert not any(network.lets(stranger, target.peer, port) for target in targets(manifests) for port in PORTS)
