"""The command that shows a fleet at work."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fleet.commands.options import Json
from fleet.commands.surroundings import passing_folder, reporting, sayer, stoppable
from fleet.demo import Plan, result_as_json, run_demo, show_pushes, show_result
from fleet.local import local_fleet


def demo(
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
    plan = Plan(fares=fares, cycles=cycles, alerts=alerts, seed=seed)
    with (
        reporting(),
        stoppable(),
        passing_folder(console) as folder,
        local_fleet(folder, sayer(console), operations=True) as fleet,
    ):
        result = asyncio.run(run_demo(fleet, plan, console))
        console.print("\nsome of the pushes:")
        show_pushes(Path(fleet.addresses.push_log), console)
        show_result(result, console)
    if as_json:
        print(result_as_json(result))
    if not result.balanced:
        raise typer.Exit(1)
