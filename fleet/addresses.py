"""Where a running fleet is: in the file that `up` and `demo` write, or else in the environment, as in a container."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from pydantic import Field

from shared.errors import ConfigurationError
from shared.settings import AccountsSettings, BrokerSettings, ShardSettings, comma_separated, load

REPOSITORY = Path(__file__).parents[1]
DEFAULT_DATA = REPOSITORY / ".farelark"
# How often a quorum queue counts its messages: RabbitMQ's default.
DEFAULT_TICK_INTERVAL_S: Final = 5.0
_FILE = "fleet.json"


@dataclass(frozen=True, slots=True)
class Service:
    """One running process of a service; `ops` is the root of its health and metrics.

    `pid` is 0 for a process on another machine.
    """

    name: str
    pid: int
    ops: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Everything needed to talk to a fleet. The file holds passwords, so only its owner can read it.

    `pid` is that of `up`, 0 where the fleet is not on this machine. `amqp_tick_interval` is how old, in seconds, the
    broker's numbers of messages may be. `operations` watches and is no part of the chain; `ops_token` is the file with
    the token that it asks for. `api` and `gateway` are the roots of what travellers and producers call, empty where
    they are not known.
    """

    pid: int
    api: str
    amqp: str
    amqp_management: str
    amqp_tick_interval: float
    redis: str
    accounts: str
    shards: list[str]
    push_log: str
    services: list[Service]
    operations: Service | None = None
    ops_token: str = ""
    gateway: str = ""

    @property
    def processes(self) -> list[Service]:
        """Everything that has health and metrics."""
        return [*self.services, *([self.operations] if self.operations else [])]

    def write(self, folder: Path) -> None:
        """Write `fleet.json` so that a reader sees the old or the new one, never half of it."""
        draft = folder / f"{_FILE}.draft"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self)))
        draft.replace(folder / _FILE)


class FleetSettings(BrokerSettings, AccountsSettings, ShardSettings):
    """The addresses of a fleet that runs elsewhere."""

    rabbitmq_management_url: str = Field(description="http://user:password@host:15672")
    redis_url: str
    ops_targets: str = Field(
        "", description="price_worker=http://price-worker-ops:9100,...: a name may stand for many processes"
    )

    def services(self) -> list[Service]:
        """One for each address that a target's name stands for now.

        Raises:
            ConfigurationError: a target is not SERVICE=URL.
        """
        return [service for target in comma_separated(self.ops_targets) for service in _services_at(target)]


def read(folder: Path) -> Addresses:
    """The addresses of the fleet that runs in this data folder, or else of the one in the environment.

    Raises:
        ConfigurationError: there is neither; says what to do.
    """
    try:
        return msgspec.json.decode((folder / _FILE).read_bytes(), type=Addresses)
    except FileNotFoundError:
        pass
    try:
        return from_environment()
    except ConfigurationError as error:
        raise ConfigurationError(
            f"no fleet runs in {folder}: start one with `./farelark up`, or name its folder with --data; "
            f"for one that runs elsewhere, {error}"
        ) from None


def from_environment() -> Addresses:
    """The addresses in RABBITMQ_URL and so on.

    The names in OPS_TARGETS are resolved at each call, so that who asks again sees processes that came and went.

    Raises:
        ConfigurationError: names what is missing or wrong.
    """
    settings = load(FleetSettings)
    return Addresses(
        pid=0,
        api="",
        amqp=settings.rabbitmq_url,
        amqp_management=settings.rabbitmq_management_url,
        amqp_tick_interval=DEFAULT_TICK_INTERVAL_S,
        redis=settings.redis_url,
        accounts=settings.accounts_url,
        shards=settings.shards,
        push_log="",
        services=settings.services(),
    )


def forget(folder: Path) -> None:
    """Remove `fleet.json`: the fleet has stopped."""
    (folder / _FILE).unlink(missing_ok=True)


def _services_at(target: str) -> Iterator[Service]:
    name, _, url = target.partition("=")
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port or 80
    except ValueError:
        scheme, host, port = "", None, 0
    if not (name and scheme == "http" and host):
        raise ConfigurationError(f"OPS_TARGETS: {target!r} is not SERVICE=http://host:port")
    for address in _resolve(host):
        yield Service(name, 0, f"http://{address}:{port}")


def _resolve(name: str) -> list[str]:
    """All addresses of a host; the name itself where nobody knows it, for a target without a process is a finding."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return [name]
    return sorted({f"[{host}]" if family == socket.AF_INET6 else str(host) for family, *_, (host, *_) in found})
