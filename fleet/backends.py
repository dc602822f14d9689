"""The servers behind a fleet: private child processes, or servers of your own named in the environment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from pydantic_settings import BaseSettings

from fleet.addresses import DEFAULT_TICK_INTERVAL_S
from fleet.servers import postgres, rabbitmq, redis
from fleet.servers.children import Children
from fleet.servers.passwords import kept_password
from fleet.servers.postgres import Postgres
from fleet.servers.programs import install_missing
from fleet.servers.rabbitmq import TICK_INTERVAL_S, RabbitMQ
from shared.broker_users import users
from shared.errors import ConfigurationError
from shared.settings import comma_separated

DEFAULT_SHARDS: Final = 4

Say = Callable[[str], None]


class OwnServers(BaseSettings):
    """Servers of your own; each replaces a private one."""

    rabbitmq_url: str = ""
    rabbitmq_management_url: str = ""
    redis_url: str = ""
    accounts_url: str = ""
    shard_urls: str = ""

    def needed(self) -> list[str]:
        """Which private servers are needed all the same."""
        postgres_replaced = self.accounts_url and self.shard_urls
        replaced = {"rabbitmq": self.rabbitmq_url, "redis": self.redis_url, "postgres": postgres_replaced}
        return [server for server, url in replaced.items() if not url]


@dataclass(frozen=True, slots=True)
class Backends:
    """Addresses of everything that the services stand on, credentials included.

    `amqp_passwords` are those of the topology's users; a RabbitMQ of somebody's own has none of them.
    """

    amqp: str
    amqp_management: str
    amqp_tick_interval: float
    amqp_passwords: Mapping[str, str]
    redis: str
    accounts: str
    shards: list[str]

    @property
    def virtual_host(self) -> str:
        """The virtual host in the AMQP address."""
        return virtual_host_of(self.amqp)

    def amqp_of(self, user: str) -> str:
        """The AMQP address with the rights of this user; where there are no such users, with the fleet's."""
        return self._as(user, self.amqp)

    def amqp_management_of(self, user: str) -> str:
        """The management API's address, likewise."""
        return self._as(user, self.amqp_management)

    def _as(self, user: str, url: str) -> str:
        if user not in self.amqp_passwords:
            return url
        parts = urlsplit(url)
        address = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"{user}:{quote(self.amqp_passwords[user], safe='')}@{address}").geturl()


def virtual_host_of(amqp_url: str) -> str:
    """The virtual host in an AMQP address."""
    return unquote(urlsplit(amqp_url).path[1:]) or "/"


def open_backends(children: Children, say: Say, shards: int = DEFAULT_SHARDS) -> Backends:
    """Start the private servers that nothing in the environment replaces, side by side.

    Args:
        children: what they become.
        say: is told, in a sentence, what happens.
        shards: how many private ones there are.

    Raises:
        ServersError: a program is missing, or a server did not start.
        ConfigurationError: RABBITMQ_URL comes without RABBITMQ_MANAGEMENT_URL.
    """
    own = OwnServers()
    if own.rabbitmq_url and not own.rabbitmq_management_url:
        raise ConfigurationError("RABBITMQ_URL also needs RABBITMQ_MANAGEMENT_URL, http://user:password@host:15672")
    needed = own.needed()
    install_missing(say, needed)
    if needed:
        say(f"starting {', '.join(needed)}")
    broker = rabbitmq.launch(children, children.folder / "rabbitmq") if "rabbitmq" in needed else None
    boards = redis.launch(children, children.folder / "redis") if "redis" in needed else None
    names = [f"shard{number}" for number in range(shards)]
    database = _launch_postgres(children, names) if "postgres" in needed else None
    children.wait_ready(*(server for server in (broker, boards, database) if server))
    amqp, management, interval = _broker_addresses(own, broker)
    return Backends(
        amqp=amqp,
        amqp_management=management,
        amqp_tick_interval=interval,
        amqp_passwords=_kept_passwords(children.folder / "rabbitmq" / "users") if broker else {},
        redis=boards.url if boards else own.redis_url,
        accounts=own.accounts_url or _url(database, "accounts"),
        shards=comma_separated(own.shard_urls) or [_url(database, name) for name in names],
    )


def _kept_passwords(folder: Path) -> dict[str, str]:
    folder.mkdir(mode=0o700, exist_ok=True)
    return {user.name: kept_password(folder / user.name) for user in users()}


def _launch_postgres(children: Children, shards: Sequence[str]) -> Postgres:
    return postgres.launch(children, children.folder / "postgres", ("accounts", *shards))


def _broker_addresses(own: OwnServers, private: RabbitMQ | None) -> tuple[str, str, float]:
    if private:
        return private.amqp_url, private.management_url, TICK_INTERVAL_S
    return own.rabbitmq_url, own.rabbitmq_management_url, DEFAULT_TICK_INTERVAL_S


def _url(database: Postgres | None, name: str) -> str:
    assert database, "the private server is launched whenever an address is missing"
    return database.url(name)
