"""Commands for those who work on Farelark."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import typer

from fleet.addresses import REPOSITORY

# Each process has servers of its own, so a file of tests stays in one; those that take the longest begin.
_SIDE_BY_SIDE: Final = ("--numprocesses=auto", "--dist=loadfile", "--no-loadscope-reorder")


def check() -> None:
    """Check style, types, layers, YAML, the Dockerfile and the Compose file."""
    tools = (
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports", "--no-cache"],
        ["yamllint", "--strict", "."],
        ["hadolint", "Dockerfile"],
        ["check-jsonschema", "--builtin-schema=vendor.compose-spec", "docker-compose.yml"],
    )
    failed = [" ".join(tool) for tool in tools if _run_tool(*tool)]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def test(context: typer.Context) -> None:
    """Run the tests; further arguments go to pytest (`./farelark test tests/unit -k money`)."""
    raise typer.Exit(_run_tool("pytest", *_SIDE_BY_SIDE, *context.args))


def _run_tool(program: str, *arguments: str) -> int:
    """Run a development tool of this environment in the repository; returns its exit status."""
    path = Path(sys.executable).with_name(program)
    return subprocess.run([path, *arguments], cwd=REPOSITORY, check=False).returncode
