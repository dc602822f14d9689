"""The local fleet: private servers and one process per service, started in order and stopped in reverse.

Start: servers, migrations, topology, then the services against the flow, so that whoever is published to is
there first. Stop: the services along the flow, each draining into the next, then the servers.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from fleet import addresses
from fleet.addresses import REPOSITORY, Addresses, Service
from fleet.backends import Backends, open_backends
from fleet.keys import generate_key
from fleet.migrations import migrate
from fleet.servers.children import Children, children_in
from fleet.servers.ports import LOOPBACK, free_ports
from shared.errors import ConfigurationError
from shared.management import open_management

SERVICES: Final = ("notifier", "alert_worker", "price_worker", "alerts_api")
_GRACE_S: Final = 40.0  # longer than a service's drain and the closing of its connections
_FIRST_RESTART_WAIT_S: Final = 0.2
_LONGEST_RESTART_WAIT_S: Final = 5.0
_STEADY_S: Final = 10.0  # a process that lived as long starts again at once

Say = Callable[[str], None]


@dataclass
class _Worker:
    """One process of a service, over its restarts."""

    service: str
    name: str
    environment: dict[str, str]
    ops: str
    pid: int = 0
    started: float = 0.0
    failures: int = 0
    restart_at: float | None = None


@dataclass
class LocalFleet:
    """A running fleet."""

    folder: Path
    addresses: Addresses
    _children: Children
    _workers: list[_Worker] = field(default_factory=list)

    def mend(self, say: Say) -> None:
        """Start services again that have ended; call it from the main thread, several times a second.

        Raises:
            ChildFailedError: a server ended, which no restart here can mend.
        """
        workers = {worker.name: worker for worker in self._workers}
        for ended in self._children.exited():
            if ended.name not in workers:
                raise ended.error()
            wait = _plan_restart(workers[ended.name])
            say(f"{ended.name} ended with status {ended.status}; starting it again in {wait:.1f} s (log: {ended.log})")
        for worker in self._workers:
            if worker.restart_at is not None and time.monotonic() >= worker.restart_at:
                self._spawn(worker)
                self._publish_addresses()

    def start(self, worker: _Worker) -> None:
        """Start one process and keep it running from now on."""
        self._workers.append(worker)
        self._spawn(worker)
        self._publish_addresses()

    def ready(self) -> bool:
        """Whether every service says that it is ready."""
        return all(_answers_ok(f"{worker.ops}/health/ready") for worker in self._workers)

    def wait_ready(self, say: Say, seconds: float = 60.0) -> None:
        """Wait until every service is ready.

        Raises:
            ConfigurationError: one is not in time; names the logs to look at.
        """
        deadline = time.monotonic() + seconds
        while not self.ready():
            self.mend(say)
            if time.monotonic() > deadline:
                raise ConfigurationError(f"the services are not ready after {seconds:g} s: see {self.folder}/logs")
            time.sleep(0.05)

    def _spawn(self, worker: _Worker) -> None:
        argv = [sys.executable, "-m", f"services.{worker.service}"]
        worker.pid = self._children.spawn(worker.name, argv, env=worker.environment, grace_seconds=_GRACE_S)
        worker.started, worker.restart_at = time.monotonic(), None

    def _publish_addresses(self) -> None:
        services = [Service(worker.name, worker.pid, worker.ops) for worker in self._workers]
        self.addresses.services[:] = services
        self.addresses.write(self.folder)


def _answers_ok(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


def _plan_restart(worker: _Worker) -> float:
    steady = time.monotonic() - worker.started > _STEADY_S
    worker.failures = 0 if steady else worker.failures + 1
    wait = min(_LONGEST_RESTART_WAIT_S, _FIRST_RESTART_WAIT_S * 2**worker.failures)
    worker.restart_at = time.monotonic() + wait
    return wait


@contextmanager
def local_fleet(
    folder: Path, say: Say, scale: Mapping[str, int] | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[LocalFleet]:
    """Run a fleet in this data folder while the block runs.

    Args:
        folder: where servers keep their data, and where logs, keys, the push log and `fleet.json` lie.
        say: is told, in a sentence, what happens.
        scale: processes of a service, 1 where it is not named.
        settings: further environment of the services.

    Raises:
        ServersError, ConfigurationError, UnavailableError: it could not start; says why and what to do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with children_in(folder, say) as children:
        try:
            backends = open_backends(children, say)
            say("applying migrations and topology")
            asyncio.run(_prepare(backends, say))
            yield _start_services(children, backends, say, scale or {}, settings or {})
            say("stopping")
        finally:
            addresses.forget(folder)


async def _prepare(backends: Backends, say: Say) -> None:
    await migrate(backends.accounts, backends.shards, say, today=datetime.now(UTC).date())
    async with open_management(backends.amqp_management, backends.virtual_host) as management:
        await management.apply_topology()


def _start_services(
    children: Children, backends: Backends, say: Say, scale: Mapping[str, int], settings: Mapping[str, str]
) -> LocalFleet:
    counts = {service: scale.get(service, 1) for service in SERVICES}
    ports = iter(free_ports(1 + sum(counts.values())))
    api_port = next(ports)
    fleet = LocalFleet(children.folder, _addresses(children.folder, backends, api_port), children)
    environment = _environment(children.folder, backends, api_port) | dict(settings)
    for service, count in counts.items():
        for number in range(1, count + 1):
            fleet.start(_worker(service, number, count, environment, next(ports), api_port))
    fleet.wait_ready(say)
    return fleet


def _worker(
    service: str, number: int, count: int, environment: dict[str, str], ops_port: int, api_port: int
) -> _Worker:
    port = api_port if service == "alerts_api" else ops_port
    return _Worker(
        service=service,
        name=service if count == 1 else f"{service}-{number}",
        environment=environment | {"OPS_HOST": LOOPBACK, "OPS_PORT": str(ops_port)},
        ops=f"http://{LOOPBACK}:{port}",
    )


def _addresses(folder: Path, backends: Backends, api_port: int) -> Addresses:
    return Addresses(
        pid=os.getpid(),
        api=f"http://{LOOPBACK}:{api_port}",
        amqp=backends.amqp,
        amqp_management=backends.amqp_management,
        amqp_tick_interval=backends.amqp_tick_interval,
        redis=backends.redis,
        accounts=backends.accounts,
        shards=backends.shards,
        push_log=str(folder / "pushes.jsonl"),
        services=[],
    )


def _environment(folder: Path, backends: Backends, api_port: int) -> dict[str, str]:
    key = folder / "keys" / "access_tokens.pem"
    key.parent.mkdir(exist_ok=True)
    generate_key(key)
    failpoints = folder / "failpoints"
    failpoints.mkdir(exist_ok=True)
    return dict(os.environ) | {
        "PYTHONPATH": str(REPOSITORY),
        "RABBITMQ_URL": backends.amqp,
        "REDIS_URL": backends.redis,
        "ACCOUNTS_URL": backends.accounts,
        "SHARD_URLS": ",".join(backends.shards),
        "PUSH_LOG": str(folder / "pushes.jsonl"),
        "JWT_KEY_FILE": str(key),
        "API_HOST": LOOPBACK,
        "API_PORT": str(api_port),
        "FAILPOINTS": str(failpoints),
    }
