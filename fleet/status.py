"""A look at a running fleet: its queues, its processes and what they have counted."""

import asyncio
from dataclasses import dataclass

import httpx
from rich.console import Console
from rich.table import Table

from fleet.addresses import Addresses, Service
from fleet.chain import open_chain
from fleet.ledger import Ledger, count
from shared.management import Depth


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a service and whether it is ready; `missing` says what it waits for."""

    name: str
    pid: int
    ready: bool
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment."""

    queues: dict[str, Depth]
    processes: list[Process]
    ledger: Ledger


async def take(addresses: Addresses) -> Snapshot:
    """Look at a fleet.

    Raises:
        UnavailableError: its broker cannot be reached.
    """
    async with httpx.AsyncClient(timeout=2) as client:
        processes = await asyncio.gather(*(_process(client, service) for service in addresses.services))
    async with open_chain(addresses) as chain:
        return Snapshot(dict(await chain.depths()), processes, await count(addresses, chain))


def show(snapshot: Snapshot, console: Console) -> None:
    """Print the snapshot as tables."""
    queues = Table("queue", "ready", "in hand")
    for name, depth in sorted(snapshot.queues.items()):
        queues.add_row(name, f"{depth.ready:,}", f"{depth.in_hand:,}")
    processes = Table("process", "pid", "state")
    for process in snapshot.processes:
        state = "ready" if process.ready else f"waiting for {', '.join(process.missing) or 'an answer'}"
        processes.add_row(process.name, str(process.pid), state)
    console.print(queues, processes, snapshot.ledger)


async def _process(client: httpx.AsyncClient, service: Service) -> Process:
    try:
        answer = await client.get(f"{service.ops}/health/ready")
        missing = answer.json().get("missing", []) if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else []
        return Process(service.name, service.pid, answer.is_success, missing)
    except (httpx.HTTPError, ValueError):
        return Process(service.name, service.pid, ready=False, missing=[])
