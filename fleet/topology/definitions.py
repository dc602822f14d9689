"""The topology as RabbitMQ's definitions: what a broker loads when it boots, or imports.

A broker that loads definitions makes no user of its own, so whoever is to get in must be among these.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Final

from shared.broker_users import User, users
from shared.topology import EXCHANGES, WORK_QUEUES, policies

_VIRTUAL_HOST: Final = "/"
_HASHING: Final = "rabbit_password_hashing_sha256"
_SALT_BYTES: Final = 4


def definitions(passwords: Mapping[str, str]) -> dict[str, Any]:
    """Everything in the default virtual host, and those users who have a password here; only its hash is told."""
    admitted = [user for user in users() if user.name in passwords]
    return {
        "vhosts": [{"name": _VIRTUAL_HOST}],
        "users": [_user(user, passwords[user.name]) for user in admitted],
        "permissions": [_permission(user) for user in admitted],
        "policies": _policies(),
        "queues": _queues(),
        "exchanges": _exchanges(),
        "bindings": _bindings(),
    }


def password_hash(password: str, salt: bytes) -> str:
    """The password as RabbitMQ keeps it: the salt and the SHA-256 of salt and password, in base64."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _user(user: User, password: str) -> dict[str, Any]:
    hashed = password_hash(password, secrets.token_bytes(_SALT_BYTES))
    return {"name": user.name, "password_hash": hashed, "hashing_algorithm": _HASHING, "tags": list(user.tags)}


def _permission(user: User) -> dict[str, str]:
    return {"user": user.name, "vhost": _VIRTUAL_HOST} | user.rights


def _policies() -> list[dict[str, Any]]:
    return [
        {
            "vhost": _VIRTUAL_HOST,
            "name": policy.name,
            "pattern": policy.pattern,
            "apply-to": "queues",
            "definition": policy.definition,
            "priority": 0,
        }
        for policy in policies()
    ]


def _queues() -> list[dict[str, Any]]:
    quorum = {"durable": True, "auto_delete": False, "arguments": {"x-queue-type": "quorum"}}
    return [{"name": name, "vhost": _VIRTUAL_HOST} | quorum for queue in WORK_QUEUES for name in queue.all_names]


def _exchanges() -> list[dict[str, Any]]:
    lasting = {"durable": True, "auto_delete": False, "internal": False, "arguments": {}}
    return [{"name": exchange.name, "vhost": _VIRTUAL_HOST, "type": exchange.kind} | lasting for exchange in EXCHANGES]


def _bindings() -> list[dict[str, Any]]:
    return [
        {
            "source": exchange.name,
            "vhost": _VIRTUAL_HOST,
            "destination": queue,
            "destination_type": "queue",
            "routing_key": routing_key,
            "arguments": {},
        }
        for exchange in EXCHANGES
        for routing_key, queue in exchange.bindings
    ]
