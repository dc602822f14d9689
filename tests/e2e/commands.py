"""Commands of `farelark` as processes, and what they leave running."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from fleet.addresses import REPOSITORY

COMMAND_SECONDS = 600.0
# What a developer's shell may hold must not point a test's fleet at other servers.
_NOT_INHERITED = frozenset(
    {"RABBITMQ_URL", "RABBITMQ_MANAGEMENT_URL", "REDIS_URL", "ACCOUNTS_URL", "SHARD_URLS", "FARELARK_DATA"}
)


def environment(**settings: str) -> dict[str, str]:
    """The environment of a command, with further settings."""
    inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return inherited | {"PYTHONPATH": str(REPOSITORY)} | settings


def finished(
    *arguments: str | Path, cwd: Path, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever its exit status."""
    return subprocess.run(  # noqa: S603  # our own command line
        [sys.executable, "-m", "fleet", *map(str, arguments)],
        cwd=cwd,
        env=environment(**(settings or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def processes_below(folder: Path) -> list[psutil.Process]:
    """The living processes that work in a folder, as all that a fleet starts do."""
    return [process for process in psutil.process_iter() if _working_directory(process).is_relative_to(folder)]


def _working_directory(process: psutil.Process) -> Path:
    try:
        return Path(process.cwd())
    except psutil.Error:  # it has ended, or is none of ours
        return Path("/")
