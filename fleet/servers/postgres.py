"""A private PostgreSQL on 127.0.0.1 that holds the databases of one fleet."""

import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from fleet.servers.children import Children
from fleet.servers.errors import ServersError
from fleet.servers.passwords import kept_password
from fleet.servers.ports import LOOPBACK, free_ports
from fleet.servers.privileges import hand_over, setpriv_options
from fleet.servers.programs import SYSTEM_PATH, postgres_folder

_USER = "farelark"
_ENVIRONMENT = {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"}

# After a kill -9 of the server its sessions end when they next look for it.
_ORPHAN_SECONDS = 10.0

# Alerts by the million are found in their index without asking the system for pages; small machines keep theirs.
_MOST_SHARED_BUFFERS_MB = 1_024
_SHARE_OF_MEMORY = 8

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # a socket's path has 107 bytes at most; a data folder's may have more
    "max_connections": 200,
    "max_wal_size": "4GB",  # claims by the thousand would force one checkpoint after the other
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """Where the server listens, as whom to talk to it, and which databases it shall have."""

    port: int
    databases: tuple[str, ...]
    programs: Path
    password: str = field(repr=False)
    name: str = "postgres"

    def url(self, database: str) -> str:
        """The address of one database."""
        return f"postgresql://{_USER}:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def ready(self) -> bool:
        """Tell whether it takes connections and has all databases; make those that it lacks."""
        listed = self._psql("SELECT datname FROM pg_database")
        if listed.returncode:
            return False
        there = listed.stdout.split()
        made = [self._psql(f'CREATE DATABASE "{name}"') for name in self.databases if name not in there]
        return all(statement.returncode == 0 for statement in made)

    def _psql(self, statement: str) -> subprocess.CompletedProcess[str]:
        connection = {"PGHOST": LOOPBACK, "PGPORT": str(self.port), "PGUSER": _USER, "PGDATABASE": "postgres"}
        env = {**_ENVIRONMENT, **connection, "PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "5"}
        argv = [str(self.programs / "psql"), "-XAtc", statement]
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=False)


def launch(children: Children, folder: Path, databases: Sequence[str], port: int | None = None) -> Postgres:
    """Start a server with its data in `folder`; wait for it and its databases with `Children.wait_ready`.

    Args:
        children: of which it becomes one.
        folder: holds its data from one start to the next.
        databases: that it shall have.
        port: where it listens; a free one where none is given.

    Raises:
        ServersError: the data could not be laid out, or a former server still holds it.
    """
    folder.mkdir(exist_ok=True)
    port = port or free_ports(1)[0]
    server = Postgres(port, tuple(databases), postgres_folder(), kept_password(folder / "password"))
    privileges = setpriv_options(folder)
    data = folder / "data"
    if not data.exists():
        _make_cluster(server.programs / "initdb", data, privileges)
    _clear_stale_pid_file(data)
    own = {"port": port, "shared_buffers": f"{_shared_buffers_mb()}MB"}
    settings = [f"--{name}={value}" for name, value in {**_SETTINGS, **own}.items()]
    children.spawn(
        server.name,
        [server.programs / "postgres", "-D", data, *settings],
        env=_ENVIRONMENT,
        privileges=privileges,
        stop_signal=signal.SIGINT,  # the fast shutdown: sessions are ended, the data is written
    )
    return server


def _shared_buffers_mb() -> int:
    memory_mb = psutil.virtual_memory().total // 1024**2
    return int(min(_MOST_SHARED_BUFFERS_MB, memory_mb // _SHARE_OF_MEMORY))


def _make_cluster(initdb: Path, data: Path, privileges: Sequence[str]) -> None:
    """Run initdb beside the place, then move the result there: an interrupted run leaves no half cluster."""
    draft = data.with_name("data.draft")
    shutil.rmtree(draft, ignore_errors=True)
    password_file = data.with_name("password")
    hand_over(password_file)
    options = ["--auth=scram-sha-256", f"--username={_USER}", "--encoding=UTF8", "--locale=C.UTF-8"]
    guard = ["setpriv", "--pdeathsig", "KILL", *privileges, "--"]
    argv = [*guard, str(initdb), "-D", str(draft), f"--pwfile={password_file}", *options]
    # The caller's current folder may be closed to the account.
    done = subprocess.run(argv, env=_ENVIRONMENT, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServersError(f"initdb could not make {draft}:\n{done.stderr}")
    draft.rename(data)


def _clear_stale_pid_file(data: Path) -> None:
    """Remove the pid file of a killed server, once none of its processes works in `data` any more.

    PostgreSQL would trust the file if its pid meanwhile belonged to another process of this user.
    """
    deadline = time.monotonic() + _ORPHAN_SECONDS
    while _works_in(data):
        if time.monotonic() > deadline:
            raise ServersError(f"a killed PostgreSQL's sessions still work in {data}: stop them first")
        time.sleep(0.1)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _works_in(data: Path) -> bool:
    """Tell whether any process has `data` as its current folder, as every PostgreSQL process does."""
    return any(process.info["cwd"] == str(data.resolve()) for process in psutil.process_iter(["cwd"]))
