"""Commands on the broker's topology: queues, exchanges, limits and users."""

import asyncio
import json
from dataclasses import asdict

import typer
from rich.console import Console

from fleet.addresses import DEFAULT_DATA
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import reporting, sayer
from fleet.topology.applying import apply as apply_to
from fleet.topology.definitions import definitions as all_definitions
from fleet.topology.kubernetes import as_yaml

topology = typer.Typer(no_args_is_help=True, help="Queues, exchanges and limits: apply them, print them for others.")


@topology.command()
def apply(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Make queues, exchanges, bindings and policies that are missing in RabbitMQ, and set limits that have changed.

    RabbitMQ is that of a running fleet, or the one that RABBITMQ_MANAGEMENT_URL names. Nothing is ever removed. It may
    run again at any time.
    """
    with reporting():
        applied = asyncio.run(apply_to(data))
    if as_json:
        print(json.dumps(asdict(applied)))
        return
    say = sayer(Console())
    say(f"queues made: {_listed(applied.queues)}")
    say(f"exchanges made: {_listed(applied.exchanges)}")
    say(f"policies set: {_listed(applied.policies)}")


@topology.command()
def definitions() -> None:
    """Print RabbitMQ's definitions, to be imported into a broker of your own; users come with `farelark secrets`."""
    print(json.dumps(all_definitions({}), indent=2))


@topology.command()
def kubernetes() -> None:
    """Print the objects of RabbitMQ's messaging topology operator: what k8s/base/rabbitmq/topology.yaml holds."""
    print(as_yaml(), end="")


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none, all are there"
