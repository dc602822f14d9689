"""Network policies as a cluster's network applies them: who may open a connection to whom."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tests.integration.deploy.kubernetes_manifests import Manifests, Object

NAMESPACE: Final = "farelark"


@dataclass(frozen=True)
class Peer:
    """One end of a connection: a pod by its labels and namespace, or an address outside of the cluster."""

    labels: tuple[tuple[str, str], ...] = ()
    namespace: str = NAMESPACE
    address: str | None = None

    @classmethod
    def pod(cls, labels: dict[str, str], namespace: str = NAMESPACE) -> "Peer":
        """A pod."""
        return cls(tuple(labels.items()), namespace)

    @classmethod
    def outside(cls, address: str) -> "Peer":
        """Somebody who is no pod."""
        return cls(namespace="", address=address)


class Network:
    """The policies of the one namespace."""

    def __init__(self, manifests: Manifests) -> None:
        self._policies = [policy["spec"] for policy in manifests.of("NetworkPolicy").values()]

    def lets(self, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
        """Whether the one may connect to the other: where both ends have policies, both must let it."""
        return self._allows("Egress", source, target, port, protocol) and self._allows(
            "Ingress", target, source, port, protocol
        )

    def _allows(self, way: str, subject: Peer, other: Peer, port: int, protocol: str) -> bool:
        if subject.namespace != NAMESPACE:
            return True  # the policies here bind pods of ours only
        bound = [
            policy
            for policy in self._policies
            if way in policy["policyTypes"] and _selects(policy["podSelector"], dict(subject.labels))
        ]
        rules: Iterable[Object] = (rule for policy in bound for rule in policy.get(way.lower(), []))
        return not bound or any(_has(rule, way, other, port, protocol) for rule in rules)


def _has(rule: Object, way: str, other: Peer, port: int, protocol: str) -> bool:
    peers = rule.get("to" if way == "Egress" else "from")
    ports = rule.get("ports")
    return (not peers or any(_is(peer, other) for peer in peers)) and (
        not ports or any((each["port"], each.get("protocol", "TCP")) == (port, protocol) for each in ports)
    )


def _is(peer: Object, other: Peer) -> bool:
    if block := peer.get("ipBlock"):
        return other.address is not None and _within(block, other.address)
    if other.address is not None:
        return False
    if "namespaceSelector" in peer:
        inside = _selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace})
    else:
        inside = other.namespace == NAMESPACE
    return inside and _selects(peer.get("podSelector", {}), dict(other.labels))


def _within(block: Object, address: str) -> bool:
    found = ipaddress.ip_address(address)
    return found in ipaddress.ip_network(block["cidr"]) and not any(
        found in ipaddress.ip_network(each) for each in block.get("except", [])
    )


def _selects(selector: Object, labels: dict[str, str]) -> bool:
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", "the only one that the policies use"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()
