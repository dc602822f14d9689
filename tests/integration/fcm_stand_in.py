"""Google's servers as the tests know them: the fleet's stand-in, in a process of its own and a passing folder."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet.fcm_stand_in import running
from fleet.fcm_stand_in.answers import Answer
from fleet.fcm_stand_in.running import FcmStandIn

__all__ = ["Answer", "FcmStandIn", "fcm_stand_in"]


@contextmanager
def fcm_stand_in(*, tls: bool = False) -> Iterator[FcmStandIn]:
    """Run a stand-in while the block runs; it may be stopped and started again in between."""
    with tempfile.TemporaryDirectory(prefix="farelark-") as folder, running.fcm_stand_in(Path(folder), tls=tls) as one:
        yield one
