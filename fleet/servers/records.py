"""A child process as its record on disk knows it: enough to stop it later and to mistake no other for it."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from fleet.servers.passwords import write_private

_POLL_SECONDS = 0.02
_KILL_SECONDS = 5.0


class Record(msgspec.Struct, frozen=True):
    """One child: its pid and kernel start time (ticks since boot) together name it for ever."""

    name: str
    pid: int
    start_ticks: int
    stop_signal: int
    grace_seconds: float

    def save(self, folder: Path) -> None:
        """Write the record to `folder`, which a later run sweeps."""
        write_private(folder / f"{self.name}.json", msgspec.json.encode(self).decode())

    def alive(self) -> bool:
        """Tell whether this very process runs; a zombie does not."""
        state, start_ticks = kernel_state(self.pid)
        return state not in "ZX" and start_ticks == self.start_ticks

    def ask_to_stop(self) -> None:
        """Send the signal on which the program shuts down in good order."""
        with suppress(ProcessLookupError):
            if self.alive():
                os.kill(self.pid, self.stop_signal)

    def see_stopped(self) -> None:
        """Wait for the end; once the grace is over, kill the child and what it left in its process group."""
        if not self._ended_within(self.grace_seconds):
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._ended_within(_KILL_SECONDS)

    def _ended_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True


def load_records(folder: Path) -> list[Record]:
    """Return the records in `folder`, the child that started last first."""
    records = [msgspec.json.decode(path.read_bytes(), type=Record) for path in folder.glob("*.json")]
    return sorted(records, key=lambda record: record.start_ticks, reverse=True)


def kernel_state(pid: int) -> tuple[str, int]:
    """Return a process's state letter and start time in ticks since boot; `("X", 0)` when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "X", 0
    fields = stat.rpartition(")")[2].split()  # the command name before it may hold spaces and brackets
    return fields[0], int(fields[19])
