"""The demo as a script runs it."""

import json
from pathlib import Path

import pytest

from tests.e2e.commands import finished, processes_below

FARES, ALERTS = 20_000, 200
KEYS = [
    "fares",
    "changes",
    "claims",
    "notifications",
    "pushes",
    "dead_lettered",
    "seconds",
    "fares_per_second",
]


@pytest.mark.timeout(300)
def test_the_demo_balances_its_books_and_leaves_nothing_behind(server_programs: bool, tmp_path: Path) -> None:
    assert server_programs
    size = ["--fares", str(FARES), "--cycles", "1", "--alerts", str(ALERTS)]
    done = finished("demo", "--json", *size, cwd=tmp_path, settings={"TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert list(result) == KEYS
    assert result["fares"] == 2 * FARES
    assert 0 < result["claims"] == result["notifications"] == result["pushes"]
    assert result["dead_lettered"] == 0
    assert list(tmp_path.iterdir()) == []
    assert processes_below(tmp_path) == []
