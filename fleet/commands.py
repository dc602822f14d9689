"""The commands of `./farelark`. Each is a few lines: what they do lives in the modules they call."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fleet import addresses, demo, status
from fleet.addresses import DEFAULT_DATA, REPOSITORY
from fleet.bench.price import ONLY_PRICE_WORKERS
from fleet.bench.price import run as measure_price_stage
from fleet.chain import NotDrainedError, open_chain
from fleet.local import SERVICES, local_fleet
from fleet.replay import Pace
from fleet.replay import replay as replay_history
from fleet.replaying import History, read
from fleet.replaying import shift as shift_history
from fleet.servers.errors import ServersError
from shared.errors import FarelarkError
from shared.messages.batches import MAX_ROWS

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Farelark: flight-price alerts, from fares in to pushes out.",
)
_MEND_EVERY_S: Final = 0.2

Data = Annotated[
    Path, typer.Option("--data", envvar="FARELARK_DATA", help="Data folder of the fleet.", show_default=".farelark")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]


class Barrier(StrEnum):
    """After what to wait for the chain to drain."""

    NONE = "none"
    DAY = "day"


@app.command()
def up(
    data: Data = DEFAULT_DATA,
    scale: Annotated[
        list[str] | None, typer.Option("--scale", metavar="SERVICE=N", help="Processes of a service; repeatable.")
    ] = None,
) -> None:
    """Start a local fleet and keep it running until Ctrl-C or SIGTERM.

    Private RabbitMQ, Redis and PostgreSQL run as child processes below the data folder, unless RABBITMQ_URL (with
    RABBITMQ_MANAGEMENT_URL), REDIS_URL, ACCOUNTS_URL or SHARD_URLS name servers of your own.
    """
    console = Console(stderr=True)
    say = _sayer(console)
    with _reporting(), _stoppable(), local_fleet(data, say, _parse_scale(scale or [])) as fleet:
        say(f"ready: the API is at {fleet.addresses.api}, all addresses are in {data / 'fleet.json'}; Ctrl-C stops")
        while True:
            fleet.mend(say)
            time.sleep(_MEND_EVERY_S)


@app.command(name="demo")
def run_demo(
    fares: Annotated[int, typer.Option(min=1_000, max=2_000_000, help="Fares in each cycle.")] = 500_000,
    cycles: Annotated[int, typer.Option(min=1, max=100, help="Cycles after the priming one.")] = 3,
    alerts: Annotated[int, typer.Option(min=1, max=100_000, help="Alerts made over HTTP.")] = 3_000,
    seed: Annotated[int, typer.Option(help="The same fares and alerts for the same seed.")] = 1,
    as_json: Json = False,
) -> None:
    """Show the whole chain at work on a fleet of its own, then stop it.

    Travellers make alerts over HTTP, a priming cycle fills the fare boards, then prices move and pushes go out.
    Exit status 0 means that every claim became one notification and nothing was left in any queue.
    """
    console = Console(stderr=as_json)
    plan = demo.Plan(fares=fares, cycles=cycles, alerts=alerts, seed=seed)
    with (
        _reporting(),
        _stoppable(),
        _passing_folder(console) as folder,
        local_fleet(folder, _sayer(console)) as fleet,
    ):
        result = asyncio.run(demo.run(fleet, plan, console))
        console.print("\nsome of the pushes:")
        demo.show_pushes(Path(fleet.addresses.push_log), console)
        demo.show_result(result, console)
    if as_json:
        print(demo.as_json(result))
    if not result.balanced:
        raise typer.Exit(1)


@app.command(name="replay")
def run_replay(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV or NDJSON (plain or gzip), or Parquet.")],
    barrier: Annotated[Barrier, typer.Option(help="When to wait until the chain has drained.")] = Barrier.NONE,
    shift: Annotated[
        bool,
        typer.Option("--shift", help="Bring the first observation to today; stamp fares as seen now."),
    ] = False,
    batch_size: Annotated[int, typer.Option(min=1, max=MAX_ROWS, help="Fares a message.")] = MAX_ROWS,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Publish the fares of files, in order of observation, to a running fleet."""
    console = Console(stderr=True)
    with _reporting():
        target = addresses.read(data)
        history = read(files)
        days = 0
        if shift:
            history, days = shift_history(history, datetime.now(UTC).date())
            console.print(f"dates moved by {days:,} days", highlight=False)
        elif (age := (datetime.now(UTC).date() - history.first_day).days) > 1:
            console.print(f"these fares are {age:,} days old and may be set aside: --shift brings them to today")
        pace = Pace(batch_size, restamp=shift, by_day=barrier is Barrier.DAY)
        with _fare_progress(console, history) as advanced:
            confirmed = asyncio.run(replay_history(history, target, pace, advanced))
    _report_replay(console, history, confirmed, days, as_json=as_json)


@app.command(name="drain")
def run_drain(
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at most.")] = 60.0,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Return when every work and retry queue is empty and nothing is in hand; exit status 1 if time runs out."""
    started = time.monotonic()
    left = None
    with _reporting():
        try:
            asyncio.run(_drain(addresses.read(data), timeout))
        except NotDrainedError as error:
            left = str(error)
    if as_json:
        print(json.dumps({"drained": left is None, "seconds": round(time.monotonic() - started, 3)}))
    if left:
        sys.exit(left)


@app.command(name="status")
def show_status(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show the queues and processes of a running fleet."""
    with _reporting():
        snapshot = asyncio.run(status.take(addresses.read(data)))
    if as_json:
        print(json.dumps(asdict(snapshot)))
    else:
        status.show(snapshot, Console())


bench = typer.Typer(no_args_is_help=True, help="Measure, beside the ceiling of the same run.")
app.add_typer(bench, name="bench")


@bench.command(name="price")
def bench_price(
    fares: Annotated[int, typer.Option(min=10_000, max=2_000_000, help="Fares in a cycle.")] = 1_000_000,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Price workers on the queue.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure the price stage, from the queue to confirmed changes and written boards."""
    console = Console(stderr=True)
    scale = ONLY_PRICE_WORKERS | {"price_worker": workers}
    with (
        _reporting(),
        _stoppable(),
        _passing_folder(console) as folder,
        local_fleet(folder, _sayer(console), scale) as fleet,
    ):
        result = asdict(asyncio.run(measure_price_stage(fleet.addresses, fares, workers)))
    if as_json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name.replace('_', ' '):<26} {value:>12,}")


@app.command()
def check() -> None:
    """Check style, types and layers."""
    tools = (
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports", "--no-cache"],
    )
    failed = [" ".join(tool) for tool in tools if _run_tool(*tool)]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run the tests; further arguments go to pytest (`./farelark test tests/unit -k money`)."""
    raise typer.Exit(_run_tool("pytest", *context.args))


def _run_tool(program: str, *arguments: str) -> int:
    """Run a development tool of this environment in the repository; returns its exit status."""
    path = Path(sys.executable).with_name(program)
    return subprocess.run([path, *arguments], cwd=REPOSITORY, check=False).returncode


def _sayer(console: Console) -> Callable[[str], None]:
    return lambda line: console.print(escape(line), highlight=False)


def _parse_scale(items: list[str]) -> dict[str, int]:
    scale = {}
    for item in items:
        service, _, count = item.partition("=")
        if service not in SERVICES or not count.isdecimal():
            raise typer.BadParameter(f"{item!r} is not SERVICE=N; services are {', '.join(SERVICES)}")
        scale[service] = int(count)
    return scale


@contextmanager
def _reporting() -> Iterator[None]:
    """End with one clear sentence on errors that a person can mend."""
    try:
        yield
    except (FarelarkError, ServersError) as error:
        sys.exit(f"farelark: {error}")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Make Ctrl-C and SIGTERM leave the block in order, with exit status 0 for `up` and 130 in mid-demo."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def _passing_folder(console: Console) -> Iterator[Path]:
    """A new folder that is removed at the end, but kept for its logs when the block fails."""
    folder = Path(tempfile.mkdtemp(prefix="farelark-"))
    try:
        yield folder
    except (FarelarkError, ServersError):
        console.print(f"the logs are kept in {folder / 'logs'}", highlight=False)
        raise
    except BaseException:
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)


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


async def _drain(target: addresses.Addresses, seconds: float) -> None:
    async with open_chain(target) as chain:
        await chain.drain(seconds)
