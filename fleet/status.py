"""A look at a running fleet: its queues, its processes and what they have counted."""

import asyncio
from dataclasses import asdict, dataclass
from datetime import date

import httpx
from rich.console import Console
from rich.table import Column, Table

from fleet.addresses import Addresses, Service
from fleet.chain import open_chain
from fleet.ledger import Ledger, count
from fleet.rates.showing import dates_in_use
from shared.management import Depth
from shared.topology import WORK_QUEUES


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a service and whether it is ready; `missing` says what it waits for."""

    name: str
    pid: int
    ready: bool
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment; `rates` has the date of the exchange rates in use in each shard."""

    queues: dict[str, Depth]
    processes: list[Process]
    rates: dict[str, date]
    ledger: Ledger


async def take(addresses: Addresses) -> Snapshot:
    """Look at a fleet.

    Raises:
        UnavailableError: its broker cannot be reached.
    """
    async with httpx.AsyncClient(timeout=2) as client:
        processes = await asyncio.gather(*(_process(client, service) for service in addresses.services))
    async with open_chain(addresses) as chain:
        rates = await dates_in_use(addresses.shards)
        return Snapshot(dict(await chain.depths()), processes, rates, await count(addresses, chain))


def show(snapshot: Snapshot, console: Console) -> None:
    """Print the snapshot as tables."""
    console.print(_queues(snapshot.queues), _processes(snapshot.processes), _totals(snapshot.ledger))
    console.print("exchange rates of", ", ".join(sorted({str(day) for day in snapshot.rates.values()})))


def _queues(depths: dict[str, Depth]) -> Table:
    table = Table("queue", *(Column(name, justify="right") for name in ("ready", "in hand", "to retry", "dead")))
    nothing = Depth(0, 0)
    for queue in WORK_QUEUES:
        depth, dead = depths.get(queue.name, nothing), depths.get(queue.dead, nothing)
        to_retry = sum(depths.get(name, nothing).ready for name, _ in queue.delayed)
        table.add_row(queue.name, *(f"{count:,}" for count in (depth.ready, depth.in_hand, to_retry, dead.ready)))
    return table


def _processes(processes: list[Process]) -> Table:
    table = Table("process", "pid", "state")
    for process in processes:
        state = "ready" if process.ready else f"waiting for {', '.join(process.missing) or 'an answer'}"
        table.add_row(process.name, str(process.pid), state)
    return table


def _totals(ledger: Ledger) -> Table:
    table = Table("total", Column("", justify="right"))
    for name, number in asdict(ledger).items():
        table.add_row(name.replace("_", " "), f"{number:,}")
    return table


async def _process(client: httpx.AsyncClient, service: Service) -> Process:
    try:
        answer = await client.get(f"{service.ops}/health/ready")
        missing = answer.json().get("missing", []) if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else []
        return Process(service.name, service.pid, answer.is_success, missing)
    except (httpx.HTTPError, ValueError):
        return Process(service.name, service.pid, ready=False, missing=[])
