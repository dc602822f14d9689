"""The servers that tests talk to, private to the run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fleet.servers import postgres, rabbitmq, redis
from fleet.servers.children import Children
from fleet.servers.postgres import Postgres
from fleet.servers.programs import install_missing
from fleet.servers.rabbitmq import RabbitMQ
from fleet.servers.redis import Redis


@dataclass(frozen=True, slots=True)
class Servers:
    """The private servers of one fleet, all serving."""

    rabbitmq: RabbitMQ
    redis: Redis
    postgres: Postgres


def start_servers(children: Children, databases: Sequence[str], say: Callable[[str], None]) -> Servers:
    """Install what is missing, start RabbitMQ, Redis and PostgreSQL, and wait until they serve.

    Raises:
        ServersError: a program is missing, or a server did not start.
    """
    install_missing(say)
    servers = Servers(
        rabbitmq.launch(children, children.folder / "rabbitmq"),
        redis.launch(children, children.folder / "redis"),
        postgres.launch(children, children.folder / "postgres", databases),
    )
    children.wait_ready(servers.rabbitmq, servers.redis, servers.postgres)
    return servers
