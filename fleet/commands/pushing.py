"""The switch for the pushes of the whole fleet."""

import asyncio
import getpass
import json
import os
from typing import Annotated

import typer
from rich.console import Console

from fleet import addresses
from fleet.addresses import DEFAULT_DATA
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import reporting, sayer
from fleet.push_switch import PushStop, start_pushes, stop_in_force, stop_pushes

pushes = typer.Typer(no_args_is_help=True, help="Pushes of the whole fleet: stop them, start them, show which.")


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return f"uid {os.getuid()}"


def _some(reason: str) -> str:
    if not reason.strip():
        raise typer.BadParameter("say why, for whoever wonders tonight")
    return reason.strip()


By = Annotated[str, typer.Option("--by", help="Who does it, for those who ask.", show_default="your login")]


@pushes.command()
def stop(
    reason: Annotated[str, typer.Option("--reason", help="Why, for those who ask.", callback=_some)],
    by: By = "",
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Stop all pushes, within about two seconds and until they are started again; none is lost.

    Notices wait in their queues meanwhile; the rest of the fleet goes on.
    """
    with reporting():
        standing, made = asyncio.run(stop_pushes(addresses.read(data).accounts, by or _login(), reason))
    if as_json:
        print(json.dumps(_as_json(standing) | {"changed": made}))
    else:
        sayer(Console())(_sentence(standing) if made else f"nothing to do: {_sentence(standing)}")


@pushes.command()
def start(by: By = "", data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Let pushes go out again: all that waits and is still true."""
    with reporting():
        ended = asyncio.run(start_pushes(addresses.read(data).accounts, by or _login()))
    if as_json:
        print(json.dumps(_as_json(None) | {"changed": ended is not None}))
    elif ended:
        sayer(Console())(f"pushes go out again; they had been {_since(ended)}")
    else:
        sayer(Console())("nothing to do: pushes go out")


@pushes.command()
def show(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show whether pushes go out, and if not, since when, by whom and why."""
    with reporting():
        standing = asyncio.run(stop_in_force(addresses.read(data).accounts))
    if as_json:
        print(json.dumps(_as_json(standing)))
    else:
        sayer(Console())(_sentence(standing))


def _as_json(standing: PushStop | None) -> dict[str, object]:
    if standing is None:
        return {"stopped": False}
    return {"stopped": True, "since": standing.since.isoformat(), "by": standing.by, "reason": standing.reason}


def _sentence(standing: PushStop | None) -> str:
    return f"pushes are {_since(standing)}" if standing else "pushes go out"


def _since(standing: PushStop) -> str:
    return f"stopped since {standing.since:%Y-%m-%d %H:%M:%S} UTC by {standing.by}: {standing.reason}"
