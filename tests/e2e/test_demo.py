"""The demo as a script runs it."""

from pathlib import Path

import pytest

from tests.e2e.commands import result_in_passing

FARES, ALERTS = 20_000, 200
KEYS = [
    "fares",
    "posted",
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
    result = result_in_passing("demo", *size, folder=tmp_path)
    assert list(result) == KEYS
    assert (result["fares"], result["posted"]) == (2 * FARES, 100)
    assert 0 < result["claims"] == result["notifications"] == result["pushes"]
    assert result["dead_lettered"] == 0
