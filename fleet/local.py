"""The local fleet: private servers and one process per service, started in order and stopped in reverse.

Start: servers, migrations, topology, then the services against the flow, so that whoever is published to is
there first. Stop: the services along the flow, each draining into the next, then the servers.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fleet import addresses
from fleet.addresses import REPOSITORY, Addresses, Service
from fleet.backends import DEFAULT_SHARDS, Backends, open_backends
from fleet.keys import ensure_key, folder_in
from fleet.migrations import migrate
from fleet.servers.children import Children, children_in
from fleet.servers.ports import LOOPBACK, free_ports
from fleet.supervision import Supervisor, Worker
from shared.management import open_management
from shared.money import Rates
from shared.settings import RatesSettings, load

SERVICES: Final = ("notifier", "alert_worker", "price_worker", "alerts_api")
_PUSH_LOG: Final = "pushes.jsonl"
# Everybody here comes from one address, invented travellers by the hundred.
_MANY: Final = str(10**9)
_AT_A_DESK: Final = {
    "ENVIRONMENT": "development",
    "ALERTS_PER_USER": _MANY,
    "USER_READS_PER_MINUTE": _MANY,
    "USER_WRITES_PER_MINUTE": _MANY,
    "ADDRESS_REQUESTS_PER_MINUTE": _MANY,
    "ADDRESS_TRIES_PER_MINUTE": _MANY,
    "ACCOUNT_TRIES_PER_MINUTE": _MANY,
    # Months are replayed in minutes.
    "COOLDOWN_SECONDS": "0",
    "CAPS": "false",
}

Say = Callable[[str], None]


class LocalFleet:
    """A running fleet; `addresses` and `fleet.json` follow its processes."""

    def __init__(self, children: Children, at: Addresses) -> None:
        self.addresses = at
        self.supervisor = Supervisor(children, self._follow)
        self._folder = children.folder

    def _follow(self, services: list[Service]) -> None:
        self.addresses.services[:] = services
        self.addresses.write(self._folder)


@contextmanager
def local_fleet(
    folder: Path,
    say: Say,
    scale: Mapping[str, int] | None = None,
    shards: int = DEFAULT_SHARDS,
    settings: Mapping[str, str] | None = None,
) -> Iterator[LocalFleet]:
    """Run a fleet in this data folder while the block runs.

    Args:
        folder: where servers keep their data, and where logs, keys, the push log and `fleet.json` lie.
        say: is told, in a sentence, what happens.
        scale: processes of a service, 1 where it is not named.
        shards: private ones, where SHARD_URLS names none.
        settings: further environment of the services.

    Raises:
        ServersError, ConfigurationError, UnavailableError: it could not start; says why and what to do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with children_in(folder, say) as children:
        try:
            backends = open_backends(children, say, shards)
            say("applying migrations and topology")
            asyncio.run(_prepare(backends, say))
            environment = _environment(children.folder, backends) | dict(settings or {})
            yield _start_services(children, backends, environment, say, scale or {})
        finally:
            say("stopping")
            addresses.forget(folder)


async def _prepare(backends: Backends, say: Say) -> None:
    rates = load(RatesSettings)
    await migrate(
        backends.accounts,
        backends.shards,
        say,
        today=datetime.now(UTC).date(),
        rates=Rates.load(rates.rates_file, rates.reference_currency),
    )
    async with open_management(backends.amqp_management, backends.virtual_host) as management:
        await management.apply_topology()


def _start_services(
    children: Children, backends: Backends, environment: dict[str, str], say: Say, scale: Mapping[str, int]
) -> LocalFleet:
    workers = _workers(environment, scale)
    api = next((worker.ops for worker in workers if worker.name.startswith("alerts_api")), "")
    fleet = LocalFleet(children, _addresses(children.folder, backends, api))
    for worker in workers:
        fleet.supervisor.start(worker)
    fleet.supervisor.wait_ready(say)
    return fleet


def _workers(environment: dict[str, str], scale: Mapping[str, int]) -> list[Worker]:
    counts = {service: scale.get(service, 1) for service in SERVICES}
    names = [
        (service, service if count == 1 else f"{service}-{number}")
        for service, count in counts.items()
        for number in range(1, count + 1)
    ]
    ports = iter(free_ports(2 * len(names)))
    return [_worker(service, name, environment, next(ports), next(ports)) for service, name in names]


def _worker(service: str, name: str, environment: dict[str, str], ops_port: int, api_port: int) -> Worker:
    """Describe one process; the API tells its health where it answers, with its databases' state."""
    ports = {"OPS_PORT": str(ops_port), "API_PORT": str(api_port)}
    answers_at = api_port if service == "alerts_api" else ops_port
    argv = [sys.executable, "-m", f"services.{service}"]
    return Worker(name, argv, environment | ports, ops=f"http://{LOOPBACK}:{answers_at}")


def _addresses(folder: Path, backends: Backends, api: str) -> Addresses:
    return Addresses(
        pid=os.getpid(),
        api=api,
        amqp=backends.amqp,
        amqp_management=backends.amqp_management,
        amqp_tick_interval=backends.amqp_tick_interval,
        redis=backends.redis,
        accounts=backends.accounts,
        shards=backends.shards,
        push_log=str(folder / _PUSH_LOG),
        services=[],
    )


def _environment(folder: Path, backends: Backends) -> dict[str, str]:
    failpoints = folder / "failpoints"
    failpoints.mkdir(exist_ok=True)
    ensure_key(folder_in(folder), datetime.now(UTC))
    # To databases of somebody's own the way may lead through a PgBouncer.
    prepared = str(not {"ACCOUNTS_URL", "SHARD_URLS"} & os.environ.keys())
    ours = {
        "PYTHONPATH": str(REPOSITORY),
        "RABBITMQ_URL": backends.amqp,
        "REDIS_URL": backends.redis,
        "ACCOUNTS_URL": backends.accounts,
        "SHARD_URLS": ",".join(backends.shards),
        "PUSH_LOG": str(folder / _PUSH_LOG),
        "JWT_KEYS": str(folder_in(folder)),
        "OPS_HOST": LOOPBACK,
        "API_HOST": LOOPBACK,
        "FAILPOINTS": str(failpoints),
    }
    return _AT_A_DESK | {"PREPARED_STATEMENTS": prepared} | os.environ | ours
