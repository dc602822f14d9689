"""What the cycle bench's processes use is known by their names, and one that ends in mid-run is missed at once."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.bench.processes import OWN, EndedError, Processes
from fleet.servers.children import Children, children_in


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    with children_in(tmp_path, print) as running:
        yield running


def _end(pid: int) -> None:
    """Kill a child and wait for its end, which its parent does not take note of yet."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_each_child_is_known_by_its_name_beside_the_bench_itself(children: Children) -> None:
    for name in ("redis", "notifier", "epmd"):
        children.spawn(name, ["sleep", "600"], env={})
    used = Processes([children.folder]).look()
    assert set(used) == {"redis", "notifier", "rabbitmq", OWN}, "the broker's name server is part of it"
    assert all(usage.memory_mb > 0 for usage in used.values())
    assert used[OWN].memory_mb > used["redis"].memory_mb
    assert used[OWN].cpu_seconds > 0


def test_a_child_that_has_ended_is_missed(children: Children) -> None:
    pid = children.spawn("notifier", ["sleep", "600"], env={})
    processes = Processes([children.folder])
    processes.look()
    _end(pid)
    with pytest.raises(EndedError, match="notifier has ended in mid-run"):
        processes.look()


def test_what_a_child_that_may_end_has_used_is_still_told(children: Children) -> None:
    pid = children.spawn("publisher", ["sleep", "600"], env={})
    processes = Processes([children.folder], passing=frozenset({"publisher"}))
    _end(pid)
    assert processes.look()["publisher"].cpu_seconds >= 0
