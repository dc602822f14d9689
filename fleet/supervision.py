"""Keeps the services' processes running: one that ends is started again, sooner if it had been steady."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx

from fleet.addresses import Service
from fleet.servers.children import Children
from fleet.servers.errors import ChildFailedError

_GRACE_S: Final = 40.0  # longer than a service's drain and the closing of its connections
_FIRST_RESTART_WAIT_S: Final = 0.2
_LONGEST_RESTART_WAIT_S: Final = 5.0
_STEADY_S: Final = 10.0  # a process that lived so long has not failed at starting
_READY_WITHIN_S: Final = 60.0
_PROBE_EVERY_S: Final = 0.05
_PROBE_TIMEOUT_S: Final = 2.0

Say = Callable[[str], None]


@dataclass
class Worker:
    """One process of a service, over its restarts.

    `ops` is the root of its health and metrics, `serves` that of what it answers beside, if anything.
    """

    name: str
    argv: list[str]
    environment: dict[str, str]
    ops: str
    serves: str = ""
    pid: int = field(default=0, init=False)
    _started: float = field(default=0.0, init=False)
    _failures: int = field(default=0, init=False)
    _restart_at: float | None = field(default=None, init=False)

    def start(self, children: Children) -> None:
        """Start it, or start it again."""
        self.pid = children.spawn(self.name, self.argv, env=self.environment, grace_seconds=_GRACE_S)
        self._started, self._restart_at = time.monotonic(), None

    def plan_restart(self) -> float:
        """Decide how long to wait, in seconds: twice as long after each failure in a row."""
        steady = time.monotonic() - self._started > _STEADY_S
        self._failures = 0 if steady else self._failures + 1
        wait = min(_LONGEST_RESTART_WAIT_S, _FIRST_RESTART_WAIT_S * 2**self._failures)
        self._restart_at = time.monotonic() + wait
        return wait

    @property
    def is_due(self) -> bool:
        """Whether it has ended and is to be started again now."""
        return self._restart_at is not None and time.monotonic() >= self._restart_at

    def is_ready(self, client: httpx.Client) -> bool:
        """Whether it says that it is ready; who answers requests says so where they go."""
        try:
            return client.get(f"{self.serves or self.ops}/health/ready").is_success
        except httpx.HTTPError:
            return False


class Supervisor:
    """Starts workers and starts them again.

    Args:
        children: the processes of this fleet, servers included.
        changed: is told the workers whenever one has another pid.
    """

    def __init__(self, children: Children, changed: Callable[[list[Service]], None]) -> None:
        self._children = children
        self._changed = changed
        self._workers: list[Worker] = []

    def start(self, worker: Worker) -> None:
        """Start a process and keep it running from now on."""
        self._workers.append(worker)
        self._start(worker)

    def serving(self, service: str) -> list[str]:
        """Where the processes of a service answer requests."""
        return [worker.serves for worker in self._workers if worker.name.startswith(service) and worker.serves]

    def mend(self, say: Say) -> None:
        """Start again what has ended; call it from the main thread, several times a second.

        Raises:
            ChildFailedError: a server ended, which no restart here can mend.
        """
        workers = {worker.name: worker for worker in self._workers}
        for ended in self._children.exited():
            if ended.name not in workers:
                raise ended.error()
            wait = workers[ended.name].plan_restart()
            say(f"{ended.name} ended with status {ended.status}; starting it again in {wait:.1f} s (log: {ended.log})")
        for worker in self._workers:
            if worker.is_due:
                self._start(worker)

    def wait_ready(self, say: Say) -> None:
        """Wait until every worker is ready.

        Raises:
            ChildFailedError: one is not in time; shows the end of its log.
        """
        deadline = time.monotonic() + _READY_WITHIN_S
        with httpx.Client(timeout=_PROBE_TIMEOUT_S) as client:  # one for all: to make it takes longer than to ask
            for worker in self._workers:
                while not worker.is_ready(client):
                    self.mend(say)
                    if time.monotonic() > deadline:
                        log = self._children.log(worker.name)
                        raise ChildFailedError(worker.name, f"was not ready in {_READY_WITHIN_S:g} s", log)
                    time.sleep(_PROBE_EVERY_S)

    def _start(self, worker: Worker) -> None:
        worker.start(self._children)
        self._changed([Service(worker.name, worker.pid, worker.ops) for worker in self._workers])
