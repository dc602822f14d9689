"""Start, watch and stop the child processes of a fleet.

Each child gets a session of its own (a Ctrl-C reaches the fleet alone, which then stops them in order), the
kernel's promise to be stopped when the fleet dies, a log file, and a record for the next start to sweep.
"""

import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from fleet.servers.errors import ChildFailedError
from fleet.servers.lock import sole_holder
from fleet.servers.records import Record, kernel_state, load_records

# RabbitMQ wants tens of thousands of files; container runtimes that allow a thousand million make Erlang's
# helpers walk through them all at start.
_OPEN_FILES = 65_536
_PROBE_SECONDS = 0.05


class Server(Protocol):
    """A child that can tell when it serves."""

    @property
    def name(self) -> str:
        """The child's name."""

    def ready(self) -> bool:
        """Tell whether it answers its clients now."""


class Exit(NamedTuple):
    """A child that ended though nobody stopped it; a negative status is the signal that killed it."""

    name: str
    status: int
    log: Path

    def error(self) -> ChildFailedError:
        """Return what to raise when the fleet cannot go on without this child."""
        return ChildFailedError(self.name, f"ended with status {self.status}", self.log)


class _Child(NamedTuple):
    process: subprocess.Popen[bytes]
    record: Record


@contextmanager
def children_in(folder: Path, say: Callable[[str], None]) -> Iterator["Children"]:
    """Hold `folder`, clear what a crashed run left there, and stop all children at the end.

    Raises:
        FolderInUseError: another process holds the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with sole_holder(folder):
        children = Children(folder)
        children.sweep(say)
        try:
            yield children
        finally:
            children.stop_all()


class Children:
    """The running children of this process, in the order in which they were started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._records = self.folder / "run"
        self._logs = self.folder / "logs"
        self._running: dict[str, _Child] = {}
        for path in (self._records, self._logs):
            path.mkdir(exist_ok=True)

    def spawn(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        privileges: Sequence[str] = (),
        stop_signal: signal.Signals = signal.SIGTERM,
        grace_seconds: float = 30.0,
    ) -> int:
        """Start a child and return its pid; `privileges` are options of setpriv.

        Call it from the main thread: the kernel sends the death signal when the thread that spawned ends.
        """
        command = [*_guard(stop_signal), *privileges, "--", *map(str, argv)]
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        _, start_ticks = kernel_state(process.pid)
        record = Record(name, process.pid, start_ticks, stop_signal, grace_seconds)
        record.save(self._records)
        self._running[name] = _Child(process, record)
        return process.pid

    def log(self, name: str) -> Path:
        """Return the file that holds a child's output."""
        return self._logs / f"{name}.log"

    def wait_ready(self, *servers: Server, seconds: float = 60.0) -> None:
        """Wait until all serve.

        Raises:
            ChildFailedError: one ended, or was not ready in time.
        """
        deadline = time.monotonic() + seconds
        for server in servers:
            while not server.ready():
                for ended in self.exited():
                    raise ended.error()
                if time.monotonic() > deadline:
                    late = f"was not ready within {seconds:g} s"
                    raise ChildFailedError(server.name, late, self.log(server.name))
                time.sleep(_PROBE_SECONDS)

    def exited(self) -> list[Exit]:
        """Return the children that ended by themselves since the last call; each may be spawned again."""
        ended = [(name, child) for name, child in self._running.items() if child.process.poll() is not None]
        for name, _ in ended:
            self._forget(name)
        return [Exit(name, child.process.returncode, self.log(name)) for name, child in ended]

    def stop(self, *names: str) -> None:
        """Stop these children side by side, each within its grace; unknown names are stopped already."""
        stopping = [self._running[name] for name in names if name in self._running]
        for child in stopping:
            child.record.ask_to_stop()
        for child in stopping:
            child.record.see_stopped()
            child.process.wait()
            self._forget(child.record.name)

    def stop_all(self) -> None:
        """Stop one child after the other, the last one started first."""
        for name in reversed(list(self._running)):
            self.stop(name)

    def sweep(self, say: Callable[[str], None]) -> None:
        """Stop what a crashed run left behind, and remove its records."""
        for record in load_records(self._records):
            if record.alive():
                say(f"stopping {record.name} (pid {record.pid}), left behind by a run that crashed")
                record.ask_to_stop()
                record.see_stopped()
            self._record_file(record.name).unlink()

    def _forget(self, name: str) -> None:
        del self._running[name]
        self._record_file(name).unlink(missing_ok=True)

    def _record_file(self, name: str) -> Path:
        return self._records / f"{name}.json"


def _guard(stop_signal: signal.Signals) -> list[str]:
    """Return the command that limits open files, ties the child's life to ours, and becomes the child."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    death_signal = stop_signal.name.removeprefix("SIG")
    return ["prlimit", f"--nofile={soft}:", "setpriv", "--pdeathsig", death_signal]
