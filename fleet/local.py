"""The local fleet: private servers and one process per service, started in order and stopped in reverse.

Start: servers, migrations, topology, then the services against the flow, so that whoever is published to is
there first. Stop: the services along the flow, each draining into the next, then the servers.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from fleet import addresses
from fleet.addresses import Addresses, Service
from fleet.backends import DEFAULT_SHARDS, Backends, open_backends
from fleet.migrations import migrate
from fleet.servers.children import Children, children_in
from fleet.supervision import Supervisor, Worker
from fleet.workers import OPERATIONS, environment_of, operations_worker, ops_token, push_log, service_workers
from shared.management import open_management
from shared.money import Rates
from shared.settings import RatesSettings, load

Say = Callable[[str], None]


class LocalFleet:
    """A running fleet; `addresses` and `fleet.json` follow its processes."""

    def __init__(self, children: Children, at: Addresses) -> None:
        self.addresses = at
        self.supervisor = Supervisor(children, self._follow)
        self._folder = children.folder

    def _follow(self, processes: list[Service]) -> None:
        """In place: whoever has had the addresses sees the services' new pids."""
        self.addresses.services[:] = [process for process in processes if process.name != OPERATIONS]
        operations = next((process for process in processes if process.name == OPERATIONS), None)
        self.addresses = replace(self.addresses, operations=operations)
        self.addresses.write(self._folder)


@contextmanager
def local_fleet(
    folder: Path,
    say: Say,
    scale: Mapping[str, int] | None = None,
    shards: int = DEFAULT_SHARDS,
    settings: Mapping[str, str] | None = None,
    *,
    operations: bool = False,
) -> Iterator[LocalFleet]:
    """Run a fleet in this data folder while the block runs.

    Args:
        folder: where servers keep their data, and where logs, keys, the push log and `fleet.json` lie.
        say: is told, in a sentence, what happens.
        scale: processes of a service, 1 where it is not named.
        shards: private ones, where SHARD_URLS names none.
        settings: further environment of the services.
        operations: run the process that watches them, too.

    Raises:
        ServersError, ConfigurationError, UnavailableError: it could not start; says why and what to do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with children_in(folder, say) as children:
        try:
            backends = open_backends(children, say, shards)
            say("applying migrations and topology")
            asyncio.run(_prepare(backends, say))
            environment = environment_of(children.folder, backends) | dict(settings or {})
            workers = service_workers(backends, environment, scale or {})
            if operations:
                workers.append(operations_worker(children.folder, backends, environment, workers))
            yield _start(children, backends, workers, say)
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
        await management.apply_users(backends.amqp_passwords)


def _start(children: Children, backends: Backends, workers: Sequence[Worker], say: Say) -> LocalFleet:
    fleet = LocalFleet(children, _addresses(children.folder, backends, workers))
    for worker in workers:
        fleet.supervisor.start(worker)
    fleet.supervisor.wait_ready(say)
    return fleet


def _addresses(folder: Path, backends: Backends, workers: Sequence[Worker]) -> Addresses:
    return Addresses(
        pid=os.getpid(),
        api=_served_by("alerts_api", workers),
        amqp=backends.amqp,
        amqp_management=backends.amqp_management,
        amqp_tick_interval=backends.amqp_tick_interval,
        redis=backends.redis,
        accounts=backends.accounts,
        shards=backends.shards,
        push_log=str(push_log(folder)),
        services=[],
        ops_token=str(ops_token(folder)),
        gateway=_served_by("ingest_gateway", workers),
    )


def _served_by(service: str, workers: Sequence[Worker]) -> str:
    """Where the first process of a service answers requests; empty where there is none."""
    return next((worker.serves for worker in workers if worker.name.startswith(service)), "")
