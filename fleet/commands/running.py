"""Commands that run a fleet and look at it."""

import asyncio
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from fleet import addresses
from fleet.addresses import DEFAULT_DATA, Addresses
from fleet.chain import NotDrainedError, open_chain
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import reporting, sayer, stoppable
from fleet.local import local_fleet
from fleet.status.remote import RemoteWatcher, TokenSettings
from fleet.status.report import report
from fleet.status.showing import page
from fleet.status.snapshot import Snapshot
from fleet.status.watching import Watcher
from fleet.workers import SERVICES
from shared.errors import UnavailableError
from shared.settings import load

_MEND_EVERY_S: Final = 0.2
_LOOK_EVERY_S: Final = 1.0
_MOST_FINDINGS: Final = 6  # of a live view, so that the rest of it fits


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
    say = sayer(console)
    with reporting(), stoppable(0), local_fleet(data, say, _parse_scale(scale or []), operations=True) as fleet:
        say(_where_it_is(fleet.addresses, data))
        while True:
            fleet.supervisor.mend(say)
            time.sleep(_MEND_EVERY_S)


def drain(
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at most.")] = 60.0,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Return when queues and the gateways' spool are empty and nothing is in hand; exit status 1 if time runs out."""
    started = time.monotonic()
    left = None
    with reporting():
        try:
            asyncio.run(_drain(addresses.read(data), timeout))
        except NotDrainedError as error:
            left = str(error)
    if as_json:
        print(json.dumps({"drained": left is None, "seconds": round(time.monotonic() - started, 3)}))
    if left:
        sys.exit(left)


def status(
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
    once: Annotated[
        bool, typer.Option("--once", help="Print it once; so it is where the output is no terminal.")
    ] = False,
    at: Annotated[
        str, typer.Option("--at", metavar="URL", help="Of a fleet's operations process, with its token in OPS_TOKEN.")
    ] = "",
) -> None:
    """Show what a fleet is doing, and what is late or wrong: live, until Ctrl-C.

    Without a fleet in the data folder it is the one that RABBITMQ_URL, RABBITMQ_MANAGEMENT_URL, REDIS_URL,
    ACCOUNTS_URL, SHARD_URLS and OPS_TARGETS name.
    """
    console = Console()
    with reporting(), stoppable(0):
        if console.is_terminal and not (once or as_json):
            asyncio.run(_show_live(_watcher(data, at), console))
        else:
            snapshot = asyncio.run(_look_once(_watcher(data, at)))
            if as_json:
                print(report(snapshot).decode())
            else:
                console.print(page(snapshot))


def _watcher(data: Path, at: str) -> Watcher | RemoteWatcher:
    return RemoteWatcher(at, load(TokenSettings).ops_token) if at else Watcher(partial(addresses.read, data))


async def _look_once(watcher: Watcher | RemoteWatcher) -> Snapshot:
    if isinstance(watcher, RemoteWatcher):
        return await watcher.look()
    return await watcher.with_totals(await watcher.look_twice())


async def _show_live(watcher: Watcher | RemoteWatcher, console: Console) -> None:
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            live.update(await _view(watcher), refresh=True)
            await asyncio.sleep(_LOOK_EVERY_S)


async def _view(watcher: Watcher | RemoteWatcher) -> RenderableType:
    """The newest page; an operations process that is away for a moment ends no live view."""
    try:
        return page(await watcher.look(), _MOST_FINDINGS)
    except UnavailableError as error:
        return Text(f"{error}; trying again", "bold red")


def _where_it_is(at: Addresses, data: Path) -> str:
    assert at.operations
    served = (("fares are taken at", at.gateway), ("the API is at", at.api))
    where = "".join(f"{what} {root}, " for what, root in served if root)
    return (
        f"ready: {where}operations at {at.operations.ops} with the token in {at.ops_token}, "
        f"all addresses are in {data / 'fleet.json'}; Ctrl-C stops"
    )


def _parse_scale(items: list[str]) -> dict[str, int]:
    scale = {}
    for item in items:
        service, _, count = item.partition("=")
        if service not in SERVICES or not count.isdecimal():
            raise typer.BadParameter(f"{item!r} is not SERVICE=N; services are {', '.join(SERVICES)}")
        scale[service] = int(count)
    return scale


async def _drain(target: Addresses, seconds: float) -> None:
    async with open_chain(target) as chain:
        await chain.drain(seconds)
