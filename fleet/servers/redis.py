"""A private Redis on 127.0.0.1 that keeps its keys over a restart."""

from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis as Client
from redis import RedisError

from fleet.servers.children import Children
from fleet.servers.passwords import kept_password, write_private
from fleet.servers.ports import LOOPBACK, free_ports
from fleet.servers.programs import SYSTEM_PATH, redis_server

# A save point also makes Redis save when it is asked to stop. A quarter of an hour: a snapshot copies every
# board, and what a kill -9 loses of them the next cycle sets right.
_CONFIG = """\
bind {host}
port {port}
requirepass {password}
dir "{folder}"
save 900 1
appendonly no
maxmemory-policy noeviction
"""


@dataclass(frozen=True, slots=True)
class Redis:
    """Where the server listens, and its password."""

    port: int
    password: str = field(repr=False)
    name: str = "redis"

    @property
    def url(self) -> str:
        """The address for clients, database 0."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def ready(self) -> bool:
        """Tell whether it has loaded its data and takes commands."""
        with Client.from_url(self.url, socket_timeout=5) as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False


def launch(children: Children, folder: Path) -> Redis:
    """Start a server with its data in `folder`; wait for it with `Children.wait_ready`."""
    folder.mkdir(exist_ok=True)
    (port,) = free_ports(1)
    server = Redis(port, kept_password(folder / "password"))
    start(children, folder, server)
    return server


def start(children: Children, folder: Path, server: Redis, further_config: str = "") -> None:
    """Start a server that is there already, or was."""
    config = folder / "redis.conf"
    text = _CONFIG.format(host=LOOPBACK, port=server.port, password=server.password, folder=folder)
    write_private(config, text + further_config)
    children.spawn(server.name, [redis_server(), config], env={"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"})
