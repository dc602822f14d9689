"""`status` of a running fleet: once, live, from elsewhere, and while something in it is wrong."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.e2e.commands import environment, finished
from tests.e2e.running_fleet import RunningFleet, frozen

pytestmark = pytest.mark.timeout(300)
PATIENCE_S = 60.0


def test_status_shows_every_queue_server_and_process_in_eighty_columns(fleet: RunningFleet) -> None:
    done = finished("status", "--data", fleet.folder, cwd=fleet.folder.parent)
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("fares.ingest", "notifications.digest", "rabbitmq", "shard3", "price_worker", "exchange rates of"):
        assert part in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout


def test_in_a_terminal_status_stays_until_ctrl_c_and_then_ends_in_order(fleet: RunningFleet) -> None:
    # What a shell starts in the background ignores Ctrl-C, and so would what is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ours, theirs = pty.openpty()
    status = subprocess.Popen(  # noqa: S603  # our own command line
        [sys.executable, "-m", "fleet", "status", "--data", str(fleet.folder)],
        cwd=fleet.folder.parent,
        env=environment(TERM="xterm", COLUMNS="100", LINES="40"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        seen = read_until(ours, "exchange rates of", times=2)
        assert status.poll() is None
        status.send_signal(signal.SIGINT)
        seen += read_to_end(ours)
        assert status.wait(PATIENCE_S) == 0
    finally:
        status.kill()
        os.close(ours)
    assert "Traceback" not in seen
    assert "notifications.urgent" in seen


def test_the_operations_process_tells_the_same_to_whoever_has_its_token(fleet: RunningFleet, tmp_path: Path) -> None:
    at, token = fleet.addresses.operations, Path(fleet.addresses.ops_token)
    assert at
    assert token.stat().st_mode & 0o077 == 0
    there = finished("status", "--json", "--at", at.ops, cwd=tmp_path, settings={"OPS_TOKEN": token.read_text()})
    assert there.returncode == 0, there.stderr
    for part in ('"status":', '"queues":', '"name":"price_worker"', '"notifications.digest"'):
        assert part in there.stdout
    for settings, problem in (({"OPS_TOKEN": "another token"}, "refuses the token"), ({}, "OPS_TOKEN")):
        refused = finished("status", "--at", at.ops, cwd=tmp_path, settings=settings)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert problem in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def test_a_process_that_hangs_is_named_at_the_top(fleet: RunningFleet) -> None:
    with frozen(fleet.process_of("price_worker")):
        status = fleet.status()
    assert status["status"] == "down"
    assert {"severity": "down", "text": "price_worker does not answer", "runbook": "pod-not-ready"} in status[
        "findings"
    ]


def test_operations_comes_back_after_kill_9_and_nothing_else_notices(fleet: RunningFleet) -> None:
    before = fleet.addresses
    assert before.operations
    os.kill(before.operations.pid, signal.SIGKILL)
    until(lambda: (now := fleet.addresses.operations) and before.operations and now.pid != before.operations.pid)
    until(lambda: httpx.get(f"{before.operations.ops}/health/ready").is_success if before.operations else None)
    assert fleet.addresses.services == before.services
    fleet.drain()


def until(true: Callable[[], object]) -> None:
    """Wait for what other processes do."""
    deadline = time.monotonic() + PATIENCE_S
    while not _holds(true):
        assert time.monotonic() < deadline, "it has not come to that"
        time.sleep(0.1)


def _holds(true: Callable[[], object]) -> bool:
    try:
        return bool(true())
    except httpx.TransportError:  # it is still starting
        return False


def read_until(terminal: int, text: str, times: int) -> str:
    """What a program shows until it has shown this so often."""
    seen = ""
    while seen.count(text) < times:
        seen += os.read(terminal, 4096).decode(errors="replace")
    return seen


def read_to_end(terminal: int) -> str:
    """What it still shows: a terminal whose program has ended raises an error."""
    seen = ""
    try:
        while piece := os.read(terminal, 4096):
            seen += piece.decode(errors="replace")
    except OSError:
        pass
    return seen
