"""A failpoint kills its process once, at the pass it was armed for, and costs nothing where there are none."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shared.failpoints import Failpoints

REPOSITORY = Path(__file__).parents[2]

# Passes one failpoint three times and says so each time.
PASSER = """
import sys
from pathlib import Path
from shared.failpoints import Failpoints

failpoints = Failpoints(Path(sys.argv[1]))
for number in (1, 2, 3):
    failpoints.hit("worker.received")
    print(number, flush=True)
"""


def passes(folder: Path) -> tuple[int, list[str]]:
    """The exit status of a process that passes the failpoint three times, and the passes it survived."""
    ended = subprocess.run(  # noqa: S603  # runs this very interpreter
        [sys.executable, "-c", PASSER, folder], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout.split()


@pytest.mark.parametrize(("armed", "survived"), [("1", []), ("", []), ("3", ["1", "2"])])
def test_the_process_dies_at_the_pass_it_was_armed_for(tmp_path: Path, armed: str, survived: list[str]) -> None:
    trigger = tmp_path / "worker.received"
    trigger.write_text(armed)
    assert passes(tmp_path) == (-signal.SIGKILL, survived)
    assert not trigger.exists()


def test_a_restarted_process_goes_on(tmp_path: Path) -> None:
    (tmp_path / "worker.received").write_text("2")
    assert passes(tmp_path) == (-signal.SIGKILL, ["1"])
    assert passes(tmp_path) == (0, ["1", "2", "3"])


def test_a_pass_that_is_not_reached_kills_nobody(tmp_path: Path) -> None:
    (tmp_path / "worker.received").write_text("4")
    assert passes(tmp_path) == (0, ["1", "2", "3"])


def test_another_failpoint_is_none_of_its_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _, number: killed.append(number))
    (tmp_path / "worker.settled").write_text("1")
    Failpoints(tmp_path).hit("worker.received")
    Failpoints(None).hit("worker.settled")
    assert killed == []
    Failpoints(tmp_path).hit("worker.settled")
    assert killed == [signal.SIGKILL]
