"""Named places where a test can kill the process, to prove that no crash there loses or repeats work.

A failpoint is armed by a file of its name in the folder `FAILPOINTS`; the file holds at which pass to
fire (`1` is the next one). The process that takes the file away dies by SIGKILL, so a restarted one
goes on. Without the folder a failpoint costs one comparison.
"""

import os
import signal
from pathlib import Path


class Failpoints:
    """The armed failpoints of one process."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._passes: dict[str, int] = {}

    def hit(self, name: str) -> None:
        """Die here by SIGKILL if the failpoint is armed and this is the pass it waits for."""
        if self._folder is None:
            return
        trigger = self._folder / name
        try:
            wanted = int(trigger.read_text() or 1)
        except FileNotFoundError:
            return
        self._passes[name] = self._passes.get(name, 0) + 1
        if self._passes[name] >= wanted:
            trigger.unlink(missing_ok=True)
            os.kill(os.getpid(), signal.SIGKILL)
