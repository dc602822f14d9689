"""The command that runs a fleet."""

import time
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from fleet.addresses import DEFAULT_DATA, Addresses
from fleet.commands.options import Data
from fleet.commands.surroundings import reporting, sayer, stoppable
from fleet.local import local_fleet
from fleet.workers import SERVICES

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
    with reporting(), stoppable(0), local_fleet(data, say, _parse_scale(scale or []), operations=True) as fleet:
        say(_where_it_is(fleet.addresses, data))
        while True:
            fleet.supervisor.mend(say)
            time.sleep(_MEND_EVERY_S)


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
