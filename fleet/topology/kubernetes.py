"""The topology as objects of RabbitMQ's messaging topology operator, which makes and keeps them on a cluster.

A queue stays, with all that is in it, when its object is deleted. Passwords are not here: each user's come from the
Secret `rabbitmq-user-<name>`, under the keys `username` and `password`.
"""

from collections.abc import Iterator
from typing import Any, Final

import yaml

from shared.broker_users import User, users
from shared.topology import EXCHANGES, WORK_QUEUES, Exchange, Policy, policies

_HEADING: Final = "# Made by `./farelark topology kubernetes` from shared/topology.py: change that and make it anew.\n"
_API_VERSION: Final = "rabbitmq.com/v1beta1"
_CLUSTER: Final = "rabbitmq"
_VIRTUAL_HOST: Final = "/"

Manifest = dict[str, Any]


class _Dumper(yaml.SafeDumper):
    """Indents the items of a list, as yamllint wants it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002  # PyYAML's own
        super().increase_indent(flow, indentless=False)


def as_yaml() -> str:
    """All objects, ready to be applied; the same text each time."""
    return _HEADING + yaml.dump_all(
        manifests(), Dumper=_Dumper, explicit_start=True, sort_keys=False, width=float("inf")
    )


def manifests() -> Iterator[Manifest]:
    """All objects, those that others refer to first."""
    yield from map(_policy, policies())
    yield from (_queue(name) for queue in WORK_QUEUES for name in queue.all_names)
    yield from map(_exchange, EXCHANGES)
    yield from (_binding(exchange, key, queue) for exchange in EXCHANGES for key, queue in exchange.bindings)
    for user in users():
        yield _user(user)
        yield _permission(user)


def object_name(name: str) -> str:
    """The name of an object, an RFC 1123 label: `price_worker` is `price-worker`."""
    return name.replace("_", "-").replace(".", "-")


def _policy(policy: Policy) -> Manifest:
    limits = {"pattern": policy.pattern, "applyTo": "queues", "definition": policy.definition}
    return _manifest("Policy", policy.name, {"name": policy.name, "vhost": _VIRTUAL_HOST} | limits)


def _queue(name: str) -> Manifest:
    lasting = {"type": "quorum", "durable": True, "autoDelete": False, "deletionPolicy": "retain"}
    return _manifest("Queue", name, {"name": name, "vhost": _VIRTUAL_HOST} | lasting)


def _exchange(exchange: Exchange) -> Manifest:
    lasting = {"type": exchange.kind, "durable": True, "autoDelete": False}
    return _manifest("Exchange", exchange.name, {"name": exchange.name, "vhost": _VIRTUAL_HOST} | lasting)


def _binding(exchange: Exchange, routing_key: str, queue: str) -> Manifest:
    ends = {"source": exchange.name, "destination": queue, "destinationType": "queue", "routingKey": routing_key}
    return _manifest("Binding", f"{exchange.name}-to-{queue}", {"vhost": _VIRTUAL_HOST} | ends)


def _user(user: User) -> Manifest:
    tags = {"tags": list(user.tags)} if user.tags else {}
    secret = {"name": f"rabbitmq-user-{object_name(user.name)}"}
    return _manifest("User", user.name, tags | {"importCredentialsSecret": secret})


def _permission(user: User) -> Manifest:
    of = {"userReference": {"name": object_name(user.name)}, "vhost": _VIRTUAL_HOST}
    return _manifest("Permission", user.name, of | {"permissions": user.rights})


def _manifest(kind: str, name: str, spec: Manifest) -> Manifest:
    cluster = {"rabbitmqClusterReference": {"name": _CLUSTER}}
    return {
        "apiVersion": _API_VERSION,
        "kind": kind,
        "metadata": {"name": object_name(name)},
        "spec": cluster | spec,
    }
