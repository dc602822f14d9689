"""Measures one cycle on a fleet of its own: filled, published, watched to the end, counted."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console

from fleet.addresses import Addresses, Service
from fleet.bench.cycle import result as figures
from fleet.bench.cycle.books import Books, Sent, open_books
from fleet.bench.cycle.filling import Progress, fill_fleet
from fleet.bench.cycle.machine import describe
from fleet.bench.cycle.plan import Plan
from fleet.bench.cycle.publisher import CYCLE, NAME, Published, Publisher
from fleet.bench.cycle.result import Ledger, Result
from fleet.bench.cycle.samples import Sample
from fleet.bench.cycle.watching import Watch
from fleet.bench.processes import OWN, Processes
from fleet.chain import Chain, open_chain
from fleet.display import StageDisplay
from fleet.fcm_stand_in.running import FcmStandIn
from shared.topology import ALERTS_EVALUATE

# Folders below the fleet's: children of their own.
STAND_IN: Final = "fcm"
BESIDE: Final = (STAND_IN, NAME)
_KEPT_BACK: Final = ("suppressed", "dropped")
_SENT: Final = "sent"
_US: Final = 1_000_000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Setting:
    """What the bench runs on.

    Attributes:
        folder: of the fleet; below it are those of the stand-in and of the publisher, `BESIDE`.
        addresses: of the fleet.
        stand_in: to which its notifiers send.
        publisher: of the cycle.
        console: for everything that is no result.
    """

    folder: Path
    addresses: Addresses
    stand_in: FcmStandIn
    publisher: Publisher
    console: Console


@dataclass(frozen=True, slots=True)
class Seen:
    """A cycle as it was seen; instants in seconds since 1970.

    Attributes:
        published: when.
        samples: of the whole run.
        sent: what had been sent when the chain was at rest.
    """

    published: Published
    samples: Sequence[Sample]
    sent: Sent

    @property
    def cycle(self) -> Sequence[Sample]:
        """The samples from the last one before the first batch on."""
        began = max(one.at for one in self.samples if one.at <= self.published.began)
        return [one for one in self.samples if one.at >= began]

    @property
    def seconds(self) -> float:
        """From the first batch on its way to the last push, or to the last change looked up where that is later."""
        looked_up = min(one.at for one in self.cycle if one.done["matched"] == self.cycle[-1].done["matched"])
        return max(looked_up, self.sent.last or 0) - self.published.began


@dataclass(frozen=True, slots=True)
class Cycle:
    """What was measured, and what was seen meanwhile."""

    result: Result
    seen: Seen


async def measure(setting: Setting, plan: Plan, command: str, say: Say, progress: Progress) -> Cycle:
    """Measure on a running fleet that is empty.

    Args:
        setting: what to run it on.
        plan: of which the fleet has the workers.
        command: to be named in the result.
        say: is told of each step.
        progress: shows the long ones.

    Raises:
        FarelarkError: a step failed, or the cycle got stuck.
    """
    await fill_fleet(setting.addresses, plan, say, progress)
    async with open_books(setting.addresses) as books, open_chain(setting.addresses) as chain:
        seen = await _watch(setting, plan, books, chain)
        say("balancing the books")
        ledger = await _balance(setting, plan, books, chain)
    machine = await describe(setting.addresses)
    return Cycle(_result(plan, seen, ledger, machine, command), seen)


async def _watch(setting: Setting, plan: Plan, books: Books, chain: Chain) -> Seen:
    """Run the cycle to its end."""
    workers = [service for service in setting.addresses.services if service.name.startswith("alert_worker")]
    passing = frozenset({NAME, *(worker.name for worker in workers)})
    processes = Processes([setting.folder / name for name in ("", *BESIDE)], passing)
    display = StageDisplay(setting.console)
    watch = Watch(chain, processes, display)

    async def fares_left(seen: Sample) -> int:
        return plan.fares - seen.done["fares"]

    async def changes_left(seen: Sample) -> int:
        evaluations = seen.ready[ALERTS_EVALUATE.name] + seen.in_hand[ALERTS_EVALUATE.name]
        return seen.done["changes"] - seen.done["matched"] + evaluations

    async def held(_: Sample) -> int:
        return await books.held()

    with display.running():
        setting.publisher.start(setting.folder, plan)
        await watch.until_done("fares", fares_left)
        await watch.until_done("changes", changes_left)
        await _stop(workers)
        await watch.until_at_rest(held)
    published = setting.publisher.published()
    assert published, "fares cannot be compared before they are published"
    return Seen(published, watch.series.samples, await books.sent())


async def _stop(workers: Sequence[Service]) -> None:
    """Alert workers evaluate alerts that have fired once more when no change waits: that is no part of the cycle."""
    processes = [psutil.Process(worker.pid) for worker in workers]
    for process in processes:
        process.terminate()
    await asyncio.to_thread(psutil.wait_procs, processes)


async def _balance(setting: Setting, plan: Plan, books: Books, chain: Chain) -> Ledger:
    metrics = await chain.metrics()
    notifications = await books.notifications()
    kept_back = {f"{state}: {reason}": count for (state, reason), count in notifications.items() if state in _KEPT_BACK}
    return Ledger(
        changes=int(metrics["farelark_changes_total"]),
        expected_changes=await asyncio.to_thread(plan.sweep().expected_changes, CYCLE),
        claims=await books.claims(),
        notifications=sum(notifications.values()),
        sent=notifications.get((_SENT, ""), 0),
        pushes=setting.stand_in.counters().messages,
        kept_back=kept_back,
        set_aside=int(metrics.get("farelark_set_aside_documents_total", 0)),
        dead_lettered=await chain.dead_letters(),
    )


def _result(plan: Plan, seen: Seen, ledger: Ledger, machine: Mapping[str, str | int], command: str) -> Result:
    cycle = seen.cycle
    seconds = seen.seconds
    processes = figures.processes(cycle, seen.samples)
    cpu_seconds = sum(process.cpu_seconds for process in processes if process.name != OWN)
    return Result(
        fares=plan.fares,
        alerts=plan.alerts,
        changes=ledger.changes,
        claims=ledger.claims,
        pushes=ledger.pushes,
        seconds=round(seconds, 2),
        fares_per_second=round(plan.fares / seconds),
        stages=figures.stages(cycle),
        observation_to_push=seen.sent.ages,
        processes=processes,
        queues=figures.queues(seen.samples),
        cpu_us_per_fare=round(cpu_seconds / plan.fares * _US, 2),
        ledger=ledger,
        balanced=not ledger.faults(),
        machine=machine,
        command=command,
    )
