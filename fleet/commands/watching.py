"""The command that shows what a fleet is doing."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from fleet import addresses
from fleet.addresses import DEFAULT_DATA
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import reporting, stoppable
from fleet.status.remote import RemoteWatcher, TokenSettings
from fleet.status.report import report
from fleet.status.showing import page
from fleet.status.snapshot import Snapshot
from fleet.status.watching import Watcher
from shared.errors import UnavailableError
from shared.settings import load

_LOOK_EVERY_S: Final = 1.0
_MOST_FINDINGS: Final = 6  # of a live view, so that the rest of it fits


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
