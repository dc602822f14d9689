"""A private RabbitMQ node: its own name server, cookie, ports, user and data, all on 127.0.0.1."""

import base64
import http.client
from dataclasses import dataclass, field
from pathlib import Path

from fleet.servers.children import Children
from fleet.servers.passwords import kept_password, write_private
from fleet.servers.ports import LOOPBACK, free_ports
from fleet.servers.programs import SYSTEM_PATH, epmd, rabbitmq_server

_USER = "farelark"

# How often a quorum queue counts its messages. The default of 5 s would let `drain` and `status` look into the past;
# a tenth of a second would take 8 % of a core of the idle broker, where this takes 4.
TICK_INTERVAL_S = 0.25

# While it is being stopped, 3.10's management agent waits 5 s for the controller that stops it. The queues are
# closed long before; so no application gets more than this.
_SHUTDOWN_MILLISECONDS = 1000

# The timeout, in milliseconds, is a day: work stays in hand while a server is away, and what is taken away from a
# consumer counts as a failed delivery.
_CONFIG = """\
listeners.tcp.1 = {host}:{amqp}
management.tcp.ip = {host}
management.tcp.port = {management}
default_user = {user}
default_pass = {password}
disk_free_limit.absolute = 200MB
vm_memory_high_watermark.relative = 0.4
consumer_timeout = 86400000
"""
_ADVANCED_CONFIG = """\
[{{rabbit, [{{quorum_tick_interval, {milliseconds}}}]}}].
"""


@dataclass(frozen=True, slots=True)
class RabbitMQ:
    """Where the node listens, and as whom to talk to it."""

    amqp_port: int
    management_port: int
    password: str = field(repr=False)
    name: str = "rabbitmq"

    @property
    def amqp_url(self) -> str:
        """The address for AMQP clients, default virtual host."""
        return f"amqp://{_USER}:{self.password}@{LOOPBACK}:{self.amqp_port}/"

    @property
    def management_url(self) -> str:
        """The root of the management HTTP API's host, credentials included."""
        return f"http://{_USER}:{self.password}@{LOOPBACK}:{self.management_port}"

    def ready(self) -> bool:
        """Ask the node itself whether it takes AMQP connections."""
        connection = http.client.HTTPConnection(LOOPBACK, self.management_port, timeout=5)
        credentials = base64.b64encode(f"{_USER}:{self.password}".encode()).decode()
        path = f"/api/health/checks/port-listener/{self.amqp_port}"
        try:
            connection.request("GET", path, headers={"Authorization": f"Basic {credentials}"})
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def launch(children: Children, folder: Path) -> RabbitMQ:
    """Start a node with its data in `folder`; wait for it with `Children.wait_ready`."""
    folder.mkdir(exist_ok=True)
    amqp, management, distribution, names = free_ports(4)
    server = RabbitMQ(amqp, management, kept_password(folder / "password"))
    _configure(folder, server)
    env = _environment(folder, distribution, names)
    children.spawn("epmd", [epmd(), "-port", str(names), "-address", LOOPBACK], env=env)
    children.spawn(server.name, [rabbitmq_server()], env=env, grace_seconds=60)
    return server


def _configure(folder: Path, server: RabbitMQ) -> None:
    config = _CONFIG.format(
        host=LOOPBACK,
        amqp=server.amqp_port,
        management=server.management_port,
        user=_USER,
        password=server.password,
    )
    write_private(folder / "rabbitmq.conf", config)
    advanced = _ADVANCED_CONFIG.format(milliseconds=round(TICK_INTERVAL_S * 1000))
    (folder / "advanced.config").write_text(advanced)
    (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")


def _environment(folder: Path, distribution_port: int, names_port: int) -> dict[str, str]:
    """Return the node's whole environment: nothing of the system's own node may leak in."""
    return {
        "PATH": SYSTEM_PATH,
        "LANG": "C.UTF-8",
        "HOME": str(folder),  # the Erlang cookie is kept here
        "RUNNING_UNDER_SYSTEMD": "true",  # the start script then becomes the node: one pid to signal
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "ERL_EPMD_PORT": str(names_port),
        "RABBITMQ_NODENAME": "farelark@localhost",
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            f"-kernel inet_dist_use_interface {{127,0,0,1}} -kernel shutdown_timeout {_SHUTDOWN_MILLISECONDS}"
        ),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),  # absent: /etc/rabbitmq stays unread
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_PLUGINS_EXPAND_DIR": str(folder / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "feature_flags"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_LOGS": "-",  # to the child's log file
    }
