"""The demo: travellers make alerts, fares come in, prices move, phones buzz; then the books are balanced."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from fleet.addresses import Addresses
from fleet.chain import Chain, open_chain
from fleet.display import StageDisplay
from fleet.generator import Generator
from fleet.ledger import Ledger, count
from fleet.local import LocalFleet
from fleet.posting import post_fares
from fleet.publishing import FarePublisher, fare_publisher
from fleet.travellers import settle_in

DRAIN_TIMEOUT_S: Final = 300.0
_MEND_EVERY_S: Final = 0.2
_SHOW_EVERY_S: Final = 0.5
_PUSHES_SHOWN: Final = 8
_POSTED: Final = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """How big the demo is: `cycles` follow a priming one of the same `fares`."""

    fares: int
    cycles: int
    alerts: int
    seed: int
    changed: float = 0.2


@dataclass(frozen=True, slots=True)
class Result:
    """What the demo did; `seconds` and `fares_per_second` are of all cycles, drained: `posted` came over HTTP after."""

    fares: int
    posted: int
    changes: int
    claims: int
    notifications: int
    pushes: int
    dead_lettered: int
    seconds: float
    fares_per_second: int

    @property
    def balanced(self) -> bool:
        """Whether every claim was recorded once as a notification, and nothing was refused or given up."""
        return self.claims == self.notifications and self.posted == _POSTED and not self.dead_lettered


async def run_demo(fleet: LocalFleet, plan: Plan, console: Console) -> Result:
    """Run the demo on a fleet that is ready and new.

    Raises:
        FarelarkError: a step failed, or the chain did not drain.
    """
    mending = asyncio.create_task(_mend(fleet, console))
    working = asyncio.create_task(_run(fleet.addresses, plan, console))
    try:
        await asyncio.wait([mending, working], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            mending.result()  # raises what ended it
        return await working
    finally:
        for task in (mending, working):
            task.cancel()
        await asyncio.gather(mending, working, return_exceptions=True)


async def _mend(fleet: LocalFleet, console: Console) -> None:
    while True:
        fleet.supervisor.mend(lambda line: console.print(escape(line), highlight=False))
        await asyncio.sleep(_MEND_EVERY_S)


async def _run(addresses: Addresses, plan: Plan, console: Console) -> Result:
    generator = Generator(plan.seed, plan.fares, datetime.now(UTC).date(), plan.changed)
    async with open_chain(addresses) as chain, fare_publisher(addresses) as publisher:
        cycles = _Cycles(generator, publisher, chain, console)
        seconds = await cycles.run(0, "priming cycle")
        await _make_alerts(addresses.api, generator, plan, console)
        for number in range(1, plan.cycles + 1):
            seconds += await cycles.run(number, f"cycle {number} of {plan.cycles}")
        posted = await _halve_prices(addresses, chain, next(generator.cycle(plan.cycles, datetime.now(UTC))), console)
        return _result(await count(addresses, chain), publisher.confirmed, posted, seconds)


async def _halve_prices(addresses: Addresses, chain: Chain, fares: pa.RecordBatch, console: Console) -> int:
    """Have a producer post the first of these fares at half their prices; returns how many were accepted."""
    started = time.monotonic()
    some = fares.slice(0, _POSTED)
    halved = some.set_column(some.schema.get_field_index("price"), "price", pc.divide(some["price"], 2))
    posted = await post_fares(addresses, halved)
    await chain.drain(DRAIN_TIMEOUT_S)
    seconds = time.monotonic() - started
    console.print(f"a producer halves {posted} prices over HTTP: {seconds:.1f} s, pushes included", highlight=False)
    return posted


async def _make_alerts(api: str, generator: Generator, plan: Plan, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("travellers make alerts over HTTP", total=plan.alerts)
        await settle_in(api, generator.lows(), plan.alerts, plan.seed, lambda made: progress.advance(bar, made))
    console.print(f"{plan.alerts:,} alerts made over HTTP", highlight=False)


@dataclass(frozen=True, slots=True)
class _Cycles:
    """Publishes cycles and waits until the chain has worked each off."""

    generator: Generator
    publisher: FarePublisher
    chain: Chain
    console: Console

    async def run(self, number: int, title: str) -> float:
        """Run one cycle; returns the seconds that it took, drained."""
        batches = self.generator.cycle(number, datetime.now(UTC))
        started = time.monotonic()
        async with self._shown(title):
            for batch in batches:
                await self.publisher.publish(batch, cycle=f"demo-{number}")
            await self.publisher.flush()
            await self.chain.drain(DRAIN_TIMEOUT_S)
        seconds = time.monotonic() - started
        self.console.print(f"{title}: {self.generator.fares:,} fares in {seconds:.1f} s", highlight=False)
        return seconds

    @asynccontextmanager
    async def _shown(self, title: str) -> AsyncIterator[None]:
        display, before = StageDisplay(self.console), await self.chain.look()

        async def keep_showing() -> None:
            while True:
                display.update(title, await self.chain.look(), before)
                await asyncio.sleep(_SHOW_EVERY_S)

        with display.running():
            showing = asyncio.create_task(keep_showing())
            try:
                yield
            finally:
                showing.cancel()
                await asyncio.gather(showing, return_exceptions=True)


def _result(ledger: Ledger, fares: int, posted: int, seconds: float) -> Result:
    return Result(
        fares=fares,
        posted=posted,
        changes=ledger.changes,
        claims=ledger.claims,
        notifications=ledger.notifications,
        pushes=ledger.pushes,
        dead_lettered=ledger.dead_lettered,
        seconds=round(seconds, 3),
        fares_per_second=round(fares / seconds),
    )


def show_pushes(push_log: Path, console: Console) -> None:
    """Print some of the pushes as a traveller reads them."""
    for push in _last_pushes(push_log):
        console.print(f"  [bold]{escape(push['title'])}[/bold]\n    {escape(push['body'])}", highlight=False)


def show_result(result: Result, console: Console) -> None:
    """Print the summary."""
    for name, value in asdict(result).items():
        console.print(f"  {name.replace('_', ' '):<17} {value:>12,}", highlight=False)
    verdict = "every claim reached the notifier once" if result.balanced else "THE BOOKS DO NOT BALANCE"
    console.print(verdict, highlight=False)


def result_as_json(result: Result) -> str:
    """The summary as one JSON object."""
    return json.dumps(asdict(result))


def _last_pushes(push_log: Path) -> Iterator[dict[str, str]]:
    if push_log.exists():
        lines = push_log.read_bytes().splitlines()[-_PUSHES_SHOWN:]
        yield from (msgspec.json.decode(line) for line in lines)
