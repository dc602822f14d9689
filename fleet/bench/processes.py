"""What the bench's processes use: processor time and memory, each with all its descendants."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from fleet.servers.records import load_records
from shared.errors import FarelarkError

OWN: Final = "bench"
_RECORDS: Final = "run"  # below a folder of children
_PART_OF: Final = {"epmd": "rabbitmq"}
_MB: Final = 1024**2


class EndedError(FarelarkError):
    """A process of the fleet is no more."""


class Usage(NamedTuple):
    """Processor time since the start in seconds, and memory now in MB, what is shared counted once."""

    cpu_seconds: float
    memory_mb: float


class Processes:
    """The children that are recorded in some folders, by name, and this process.

    Args:
        folders: of children.
        passing: names of those that may end.
    """

    def __init__(self, folders: Sequence[Path], passing: frozenset[str] = frozenset()) -> None:
        self._folders, self._passing = folders, passing

    def look(self) -> dict[str, Usage]:
        """What each uses.

        Raises:
            EndedError: one that must not has ended.
        """
        members: dict[str, list[psutil.Process]] = defaultdict(list)
        for name, process in self._members():
            members[name].append(process)
        return {name: _usage(processes, with_ended=name != OWN) for name, processes in members.items()}

    def _members(self) -> Iterator[tuple[str, psutil.Process]]:
        """All processes that belong to one of them."""
        names = self._names()
        attributes = ["ppid", "status", "cpu_times", "memory_info"]
        found = {process.pid: process for process in psutil.process_iter(attributes)}
        for pid, name in names.items():
            ended = pid not in found or found[pid].info["status"] == psutil.STATUS_ZOMBIE
            if ended and name not in self._passing:
                raise EndedError(f"{name} has ended in mid-run: its log may say why")
        for pid, process in found.items():
            if owner := _name_of(pid, found, names):
                yield owner, process

    def _names(self) -> dict[int, str]:
        records = [record for folder in self._folders for record in load_records(folder / _RECORDS)]
        return {record.pid: _PART_OF.get(record.name, record.name) for record in records} | {os.getpid(): OWN}


def _name_of(pid: int, found: Mapping[int, psutil.Process], names: Mapping[int, str]) -> str | None:
    """Of the next one above that has a name."""
    while pid in found and pid not in names:
        pid = found[pid].info["ppid"]
    return names.get(pid)


def _usage(processes: Sequence[psutil.Process], *, with_ended: bool) -> Usage:
    """Sum up, with descendants that have ended where they are not known by names of their own."""
    times = [process.info["cpu_times"] for process in processes]
    memory = [process.info["memory_info"] for process in processes]
    cpu = sum(time.user + time.system for time in times)
    ended = sum(time.children_user + time.children_system for time in times) if with_ended else 0.0
    private = sum(max(0, used.rss - used.shared) for used in memory)
    return Usage(cpu + ended, (private + max(used.shared for used in memory)) / _MB)
