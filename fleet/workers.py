"""The local fleet's own processes: how many of which service, with what settings, on which ports."""

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fleet.addresses import REPOSITORY
from fleet.backends import Backends
from fleet.keys import ensure_key, folder_in
from fleet.servers.passwords import kept_password
from fleet.servers.ports import LOOPBACK, free_ports
from fleet.supervision import Worker

# Against the flow: whoever is published to is there first.
SERVICES: Final = ("notifier", "history_worker", "alert_worker", "price_worker", "ingest_gateway", "alerts_api")
OPERATIONS: Final = "operations"
_SERVING: Final = {"ingest_gateway", "alerts_api"}
_PUSH_LOG: Final = "pushes.jsonl"
_OPS_TOKEN: Final = "ops_token"  # noqa: S105  # the name of a file
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


def only(*services: str) -> dict[str, int]:
    """The scale of a fleet with one process of each of these and none of the others."""
    return {service: int(service in services) for service in SERVICES}


def push_log(folder: Path) -> Path:
    """The file that pushes are written to."""
    return folder / _PUSH_LOG


def ops_token(folder: Path) -> Path:
    """The file with the token that the operations process asks for."""
    return folder / _OPS_TOKEN


def environment_of(folder: Path, backends: Backends) -> dict[str, str]:
    """What all processes of the fleet in this folder are told; makes what they look for there."""
    failpoints = folder / "failpoints"
    failpoints.mkdir(exist_ok=True)
    ensure_key(folder_in(folder), datetime.now(UTC))
    # To databases of somebody's own the way may lead through a PgBouncer.
    prepared = str(not {"ACCOUNTS_URL", "SHARD_URLS"} & os.environ.keys())
    ours = {
        "PYTHONPATH": str(REPOSITORY),
        "REDIS_URL": backends.redis,
        "ACCOUNTS_URL": backends.accounts,
        "SHARD_URLS": ",".join(backends.shards),
        "PUSH_LOG": str(push_log(folder)),
        "JWT_KEYS": str(folder_in(folder)),
        "OPS_HOST": LOOPBACK,
        "API_HOST": LOOPBACK,
        "INGEST_HOST": LOOPBACK,
        "FAILPOINTS": str(failpoints),
    }
    return _AT_A_DESK | {"PREPARED_STATEMENTS": prepared} | os.environ | ours


def service_workers(backends: Backends, environment: Mapping[str, str], scale: Mapping[str, int]) -> list[Worker]:
    """Describe the processes of all services, 1 of each that `scale` does not name."""
    counts = {service: scale.get(service, 1) for service in SERVICES}
    names = [
        (service, service if count == 1 else f"{service}-{number}")
        for service, count in counts.items()
        for number in range(1, count + 1)
    ]
    ports = iter(free_ports(2 * len(names)))
    return [
        _worker(service, name, {**environment, "RABBITMQ_URL": backends.amqp_of(service)}, next(ports), next(ports))
        for service, name in names
    ]


def _worker(service: str, name: str, environment: dict[str, str], ops_port: int, http_port: int) -> Worker:
    """Describe one process; the API tells its health where it answers, with its databases' state."""
    ports = {"OPS_PORT": str(ops_port), "API_PORT": str(http_port), "INGEST_PORT": str(http_port)}
    return Worker(
        name,
        [sys.executable, "-m", f"services.{service}"],
        environment | ports,
        ops=_root(http_port if service == "alerts_api" else ops_port),
        serves=_root(http_port) if service in _SERVING else "",
    )


def operations_worker(
    folder: Path, backends: Backends, environment: Mapping[str, str], watched: Sequence[Worker]
) -> Worker:
    """Describe the process that watches the others: it finds them as it does elsewhere, by its environment."""
    (port,) = free_ports(1)
    ours = {
        "RABBITMQ_URL": backends.amqp_of(OPERATIONS),
        "RABBITMQ_MANAGEMENT_URL": backends.amqp_management_of(OPERATIONS),
        "OPS_TARGETS": ",".join(f"{worker.name}={worker.ops}" for worker in watched),
        "OPS_TOKEN": kept_password(ops_token(folder)),
        "OPS_PORT": str(port),
    }
    return Worker(OPERATIONS, [sys.executable, "-m", "fleet.operating"], {**environment, **ours}, ops=_root(port))


def _root(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"
