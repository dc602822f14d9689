"""The command that sends recorded fares through a fleet."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fleet import addresses
from fleet.addresses import DEFAULT_DATA
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import reporting
from fleet.replay import Pace, replay_history
from fleet.replaying import History, read
from fleet.replaying import shift as shift_to_today


class Barrier(StrEnum):
    """After what to wait for the chain to drain."""

    NONE = "none"
    DAY = "day"


def replay(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="CSV or NDJSON (plain or gzip), or Parquet.")],
    barrier: Annotated[Barrier, typer.Option(help="When to wait until the chain has drained.")] = Barrier.NONE,
    shift: Annotated[
        bool,
        typer.Option("--shift", help="Bring the first observation to today; stamp fares as seen now."),
    ] = False,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Publish the fares of files, in order of observation, to a running fleet."""
    console = Console(stderr=True)
    with reporting():
        target = addresses.read(data)
        history = read(files)
        days = 0
        if shift:
            history, days = shift_to_today(history, datetime.now(UTC).date())
            console.print(f"dates moved by {days:,} days", highlight=False)
        elif (age := (datetime.now(UTC).date() - history.first_day).days) > 1:
            console.print(f"these fares are {age:,} days old and may be set aside: --shift brings them to today")
        pace = Pace(restamp=shift, by_day=barrier is Barrier.DAY)
        with _fare_progress(console, history) as advanced:
            confirmed = asyncio.run(replay_history(history, target, pace, advanced))
    _report_replay(console, history, confirmed, days, as_json=as_json)


@contextmanager
def _fare_progress(console: Console, history: History) -> Iterator[Callable[[int, str], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("replaying", total=history.fares.num_rows)
        yield lambda fares, day: progress.update(bar, advance=fares, description=f"replaying {day}")


def _report_replay(console: Console, history: History, confirmed: int, days: int, *, as_json: bool) -> None:
    if as_json:
        counts = {"set_aside": dict(history.set_aside), "mapped": dict(history.mapped)}
        print(json.dumps({"fares": confirmed, "shifted_days": days} | counts))
        return
    console.print(f"{confirmed:,} fares published and confirmed", highlight=False)
    for what, reasons in (("set aside", history.set_aside), ("mapped", history.mapped)):
        for reason, count in sorted(reasons.items()):
            console.print(f"  {what}: {reason} {count:,}", highlight=False)
