"""Commands of `farelark` as processes, and what they leave running."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from fleet.addresses import REPOSITORY

COMMAND_SECONDS = 600.0
# What a developer's shell may hold must not point a test's fleet at other servers.
_NOT_INHERITED = frozenset(
    {
        "RABBITMQ_URL",
        "RABBITMQ_MANAGEMENT_URL",
        "REDIS_URL",
        "ACCOUNTS_URL",
        "SHARD_URLS",
        "OPS_TARGETS",
        "OPS_TOKEN",
        "FARELARK_DATA",
    }
)
# Dead letters stay for the test that looks at them, unless it says otherwise.
_NO_REDRIVE: Final = {"REDRIVE_EVERY_SECONDS": "0"}


def environment(**settings: str) -> dict[str, str]:
    """The environment of a command, with further settings."""
    inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return inherited | {"PYTHONPATH": str(REPOSITORY)} | _NO_REDRIVE | settings


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


def result_in_passing(*arguments: str | Path, folder: Path) -> dict[str, Any]:
    """Run a command that has a fleet of its own in an empty folder; it must succeed and leave nothing behind.

    Returns:
        Its result.
    """
    done = finished(*arguments, "--json", cwd=folder, settings={"TMPDIR": str(folder)})
    assert done.returncode == 0, done.stderr
    assert processes_below(folder) == []
    assert list(folder.iterdir()) == [], f"{arguments[:2]} has left data behind"
    return dict(json.loads(done.stdout.splitlines()[-1]))


def processes_below(folder: Path) -> list[psutil.Process]:
    """The living processes that work in a folder, as all that a fleet starts do."""
    return [process for process in psutil.process_iter() if _working_directory(process).is_relative_to(folder)]


def _working_directory(process: psutil.Process) -> Path:
    try:
        return Path(process.cwd())
    except psutil.Error:  # it has ended, or is none of ours
        return Path("/")
