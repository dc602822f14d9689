"""Commands that run a fleet and look at it."""

import asyncio
import json
import sys
import time
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console

from fleet import addresses
from fleet.addresses import DEFAULT_DATA
from fleet.chain import NotDrainedError, open_chain
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import reporting, sayer, stoppable
from fleet.local import SERVICES, local_fleet
from fleet.status import show, take

_MEND_EVERY_S: Final = 0.2


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
    with reporting(), stoppable(0), local_fleet(data, say, _parse_scale(scale or [])) as fleet:
        say(f"ready: the API is at {fleet.addresses.api}, all addresses are in {data / 'fleet.json'}; Ctrl-C stops")
        while True:
            fleet.supervisor.mend(say)
            time.sleep(_MEND_EVERY_S)


def drain(
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at most.")] = 60.0,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Return when every work and retry queue is empty and nothing is in hand; exit status 1 if time runs out."""
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


def status(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show the queues and processes of a running fleet."""
    with reporting():
        snapshot = asyncio.run(take(addresses.read(data)))
    if as_json:
        print(json.dumps(asdict(snapshot), default=str))
    else:
        show(snapshot, Console())


def _parse_scale(items: list[str]) -> dict[str, int]:
    scale = {}
    for item in items:
        service, _, count = item.partition("=")
        if service not in SERVICES or not count.isdecimal():
            raise typer.BadParameter(f"{item!r} is not SERVICE=N; services are {', '.join(SERVICES)}")
        scale[service] = int(count)
    return scale


async def _drain(target: addresses.Addresses, seconds: float) -> None:
    async with open_chain(target) as chain:
        await chain.drain(seconds)
