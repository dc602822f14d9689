"""Which process gets which secrets, as files named as the settings that they are. Pure but for salts.

The servers' names and ports are those of docker-compose.yml and of Kubernetes' services, so one set does for both.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from fleet.topology.definitions import definitions
from shared.broker_users import users

SHARDS: Final = ("shard0", "shard1")

_CHAIN: Final = ("rabbitmq_url", "redis_url")
_DATABASES: Final = ("accounts_url", "shard_urls")
# Each process, and what it must be told; it comes in with its own rights to the broker, topology with operations'.
_NEEDED: Final = {
    "ingest_gateway": (*_CHAIN, "accounts_url"),
    "price_worker": _CHAIN,
    "alert_worker": (*_CHAIN, "shard_urls"),
    "history_worker": ("rabbitmq_url", "shard_urls"),
    "notifier": (*_CHAIN, *_DATABASES),
    "alerts_api": (*_CHAIN, *_DATABASES),
    "operations": (*_CHAIN, *_DATABASES, "rabbitmq_management_url", "ops_token"),
    "migrations": _DATABASES,
    "topology": ("rabbitmq_management_url",),
    "prometheus": ("ops_token",),
}
_LENT: Final = {"topology": "operations"}


@dataclass(frozen=True, slots=True)
class Passwords:
    """All passwords there are; `rabbitmq` by user. They stand in addresses as they are, so letters and digits only."""

    rabbitmq: Mapping[str, str] = field(repr=False)
    redis: str = field(repr=False)
    postgres: str = field(repr=False)
    grafana: str = field(repr=False)
    ops_token: str = field(repr=False)

    @classmethod
    def invent(cls, invent: Callable[[], str]) -> Self:
        """A password for everybody, each from a call of its own."""
        return cls({user.name: invent() for user in users()}, invent(), invent(), invent(), invent())


def files(passwords: Passwords) -> dict[str, str]:
    """The contents of all files, by their paths below the folder of secrets."""
    return {
        **{f"{process}/{name}": text for process in _NEEDED for name, text in _told(process, passwords).items()},
        **{f"rabbitmq_users/{path}": text for path, text in _credentials(passwords.rabbitmq).items()},
        **_credentials({"keda": passwords.rabbitmq["keda"]}),
        "rabbitmq/definitions.json": json.dumps(definitions(passwords.rabbitmq), indent=2),
        "redis/password": passwords.redis,
        "postgres/password": passwords.postgres,
        "grafana/admin_password": passwords.grafana,
    }


def _told(process: str, passwords: Passwords) -> dict[str, str]:
    settings = {
        "redis_url": f"redis://:{passwords.redis}@redis:6379/0",
        "accounts_url": _database("accounts", passwords),
        "shard_urls": ",".join(_database(name, passwords) for name in SHARDS),
        "ops_token": passwords.ops_token,
    }
    user = _LENT.get(process, process)
    if password := passwords.rabbitmq.get(user):
        settings["rabbitmq_url"] = f"amqp://{user}:{password}@rabbitmq:5672/"
        settings["rabbitmq_management_url"] = f"http://{user}:{password}@rabbitmq:15672"
    return {name: settings[name] for name in _NEEDED[process]}


def _database(name: str, passwords: Passwords) -> str:
    return f"postgresql://farelark:{passwords.postgres}@{name}:5432/{name}"


def _credentials(users_passwords: Mapping[str, str]) -> dict[str, str]:
    """What KEDA and RabbitMQ's operators take: a folder a user, with a file for each half."""
    return {
        f"{user}/{name}": text
        for user, password in users_passwords.items()
        for name, text in (("username", user), ("password", password))
    }
