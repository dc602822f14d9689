"""Where the server programs are, and how they come onto the machine if they are not there."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from fleet.servers.errors import INSTALLER, InstallError, ProgramsMissingError

# The servers come from the system's packages; a user's PATH often lacks the sbin folders.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

SERVERS = ("rabbitmq", "redis", "postgres")
PACKAGES = {
    "rabbitmq": "rabbitmq-server",
    "redis": "redis-server",
    "postgres": "postgresql",
    # No servers of a fleet; the tests use them.
    "haproxy": "haproxy",
    "prometheus": "prometheus",
    "kubectl": "kubernetes-client",
}


def rabbitmq_server() -> Path:
    """Return RabbitMQ's own start script: Debian's wrapper in /usr/sbin refuses everyone but its account."""
    own = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return own if own.exists() else _which("rabbitmq", "rabbitmq-server")


def epmd() -> Path:
    """Return Erlang's port mapper."""
    return _which("rabbitmq", "epmd")


def redis_server() -> Path:
    """Return Redis, or Valkey where the distribution has replaced it."""
    return _which("redis", "redis-server", "valkey-server")


def postgres_folder() -> Path:
    """Return the folder of the newest PostgreSQL's programs, which Debian keeps off the PATH."""
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "postgres").exists()]
    if versions:
        return max(versions, key=lambda path: int(path.parent.name))
    return _which("postgres", "postgres").resolve().parent


def haproxy() -> Path:
    """Return the balancer that the documentation's example is for."""
    return _which("haproxy", "haproxy")


def prometheus() -> Path:
    """Return Prometheus, which scrapes a local fleet and evaluates the rules of `monitoring`."""
    return _which("prometheus", "prometheus")


def promtool() -> Path:
    """Return what checks and tests Prometheus' rules, and the form of metrics."""
    return _which("prometheus", "promtool")


def kubectl() -> Path:
    """Return what renders the manifests of `k8s`, without a cluster."""
    return _which("kubectl", "kubectl")


def missing(servers: Sequence[str] = SERVERS) -> list[str]:
    """Return the packages of the servers whose programs are not installed."""
    return [PACKAGES[server] for server in servers if not all(map(_is_there, _FINDERS[server]))]


def install_missing(say: Callable[[str], None], servers: Sequence[str] = SERVERS) -> None:
    """Install what `missing` names, leaving no service running or enabled that was not before.

    Raises:
        ProgramsMissingError: this process may not install; the message holds the command to type.
        InstallError: the package manager failed.
    """
    packages = missing(servers)
    if not packages:
        return
    elevation = _elevation()
    if elevation is None or shutil.which("apt-get", path=SYSTEM_PATH) is None:
        raise ProgramsMissingError(packages)
    for package in packages:
        say(f"installing {package} from the system's packages: the fleet runs its own, no service is started")
    command = [*elevation, "sh", str(INSTALLER), *packages]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        output = done.stdout.decode(errors="replace")[-2000:]
        raise InstallError(f"installing {' '.join(packages)} failed:\n{output}")


_FINDERS = {
    "rabbitmq": (rabbitmq_server, epmd),
    "redis": (redis_server,),
    "postgres": (postgres_folder,),
    "haproxy": (haproxy,),
    "prometheus": (prometheus, promtool),
    "kubectl": (kubectl,),
}


def _is_there(find: Callable[[], Path]) -> bool:
    try:
        find()
    except ProgramsMissingError:
        return False
    return True


def _which(server: str, *names: str) -> Path:
    for name in names:
        if found := shutil.which(name, path=SYSTEM_PATH):
            return Path(found)
    raise ProgramsMissingError([PACKAGES[server]])


def _elevation() -> list[str] | None:
    """Return the command prefix that makes us root, if we are or may be without a password."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo", path=SYSTEM_PATH)
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None
