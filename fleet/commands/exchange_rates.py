"""Commands about exchange rates."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from fleet import addresses
from fleet.addresses import DEFAULT_DATA, Addresses
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import reporting, stoppable
from fleet.rates.loading import Advanced, Loaded, load_rates
from fleet.rates.showing import RatesInUse, rates_in_use
from shared.money import Rates, minor_units
from shared.rates.in_redis import RatesInRedis
from shared.settings import RatesSettings
from shared.settings import load as load_settings

rates = typer.Typer(no_args_is_help=True, help="Exchange rates: load newer ones, show those in use.")


@rates.command()
def load(
    file: Annotated[Path, typer.Argument(help="Of the European Central Bank, CSV or XML.")],
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Bring newer exchange rates into use in a running fleet, and convert its alerts to them.

    Alerts go on firing meanwhile. If it is cut short, the same command finishes it.
    """
    console = Console(stderr=True)
    with reporting(), stoppable(), _alert_progress(console) as advanced:
        target = addresses.read(data)
        snapshot = Rates.load(file, load_settings(RatesSettings).reference_currency)
        loaded = asyncio.run(_load(snapshot, target, advanced))
    if as_json:
        print(json.dumps(asdict(loaded) | {"date": loaded.date.isoformat()}))
    else:
        _report(loaded, console)


@rates.command()
def show(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show the exchange rates in use, and of which day they are in each shard and among price workers."""
    with reporting():
        in_use = asyncio.run(_in_use(addresses.read(data)))
    if as_json:
        print(json.dumps(_as_json(in_use)))
    else:
        Console().print(_shards(in_use), _quotations(in_use.rates))


async def _load(snapshot: Rates, target: Addresses, advanced: Advanced) -> Loaded:
    published = RatesInRedis(target.redis)
    try:
        return await load_rates(snapshot, target.shards, published, advanced)
    finally:
        await published.close()


async def _in_use(target: Addresses) -> RatesInUse:
    published = RatesInRedis(target.redis)
    try:
        return await rates_in_use(target.shards, published)
    finally:
        await published.close()


@contextmanager
def _alert_progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("converting alerts", total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=max(done, total))


def _report(loaded: Loaded, console: Console) -> None:
    console.print(
        f"rates of {loaded.date} into {loaded.reference} are in use; {loaded.alerts:,} alerts converted",
        highlight=False,
    )
    if loaded.kept:
        console.print(f"the file has no rate of {', '.join(loaded.kept)}: they keep their last ones", highlight=False)


def _as_json(in_use: RatesInUse) -> dict[str, object]:
    """Dates as text; each rate as what one unit of the reference currency buys."""
    return {
        "date": in_use.rates.date.isoformat(),
        "reference": in_use.rates.reference,
        "price_workers": in_use.price_workers and in_use.price_workers.isoformat(),
        "shards": [asdict(shard) | {"date": shard.date.isoformat()} for shard in in_use.shards],
        "rates": {currency: float(_bought(in_use.rates, currency)) for currency in sorted(in_use.rates.factors)},
    }


def _shards(in_use: RatesInUse) -> Table:
    table = Table("rates of", "used by", Column("reach", justify="right"), Column("alerts behind", justify="right"))
    for shard in in_use.shards:
        table.add_row(shard.date.isoformat(), shard.shard, f"{shard.reach:.4f}", f"{shard.alerts_behind:,}")
    table.add_row(in_use.price_workers.isoformat() if in_use.price_workers else "their file", "price workers")
    return table


def _quotations(snapshot: Rates) -> Table:
    table = Table(f"1 {snapshot.reference} buys", Column("", justify="right"))
    for currency in sorted(snapshot.factors.keys() - {snapshot.reference}):
        table.add_row(currency, f"{float(_bought(snapshot, currency)):,.6g}")
    return table


def _bought(snapshot: Rates, currency: str) -> Fraction:
    numerator, denominator = snapshot.factors[currency]
    exponents = minor_units(snapshot.reference) - minor_units(currency)
    return Fraction(denominator, numerator) * Fraction(10) ** exponents
