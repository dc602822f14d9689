"""One fleet a data folder: a lock that the kernel releases even after kill -9."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet.servers.errors import FolderInUseError


@contextmanager
def sole_holder(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process.

    Raises:
        FolderInUseError: another process holds it; the message names its pid.
    """
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise FolderInUseError(folder, file.read().strip()) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
