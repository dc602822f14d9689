"""Commands for those who work on Farelark."""

import asyncio
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fleet.addresses import REPOSITORY
from fleet.bench.price import ONLY_PRICE_WORKERS, measure
from fleet.commands.options import Json
from fleet.commands.surroundings import passing_folder, reporting, sayer, stoppable
from fleet.local import local_fleet


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


def test(context: typer.Context) -> None:
    """Run the tests; further arguments go to pytest (`./farelark test tests/unit -k money`)."""
    raise typer.Exit(_run_tool("pytest", *context.args))


def bench_price(
    fares: Annotated[int, typer.Option(min=10_000, max=2_000_000, help="Fares in a cycle.")] = 1_000_000,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Price workers on the queue.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure the price stage, from the queue to confirmed changes and written boards."""
    console = Console(stderr=True)
    scale = ONLY_PRICE_WORKERS | {"price_worker": workers}
    with (
        reporting(),
        stoppable(),
        passing_folder(console) as folder,
        local_fleet(folder, sayer(console), scale) as fleet,
    ):
        result = asdict(asyncio.run(measure(fleet.addresses, fares, workers)))
    if as_json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name.replace('_', ' '):<26} {value:>12,}")


def _run_tool(program: str, *arguments: str) -> int:
    """Run a development tool of this environment in the repository; returns its exit status."""
    path = Path(sys.executable).with_name(program)
    return subprocess.run([path, *arguments], cwd=REPOSITORY, check=False).returncode
