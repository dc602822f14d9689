"""A sender of pushes as a process beside the bench, whose own event loop then takes nothing from it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final

import msgspec

from fleet.addresses import REPOSITORY
from fleet.fcm_stand_in.running import FcmStandIn
from shared.errors import FarelarkError

CONNECTIONS: Final = 1_000  # as many pushes in flight: what 10,000 a second take where an answer takes 100 ms


class Kind(StrEnum):
    """Which sender."""

    GATEWAY = "gateway"
    FIREBASE_ADMIN = "firebase_admin"
    BARE = "bare"


class Run(msgspec.Struct, frozen=True):
    """What some pushes took: seconds on the clock, and seconds of the process on processors."""

    pushes: int
    seconds: float
    cpu_seconds: float


class SenderFailedError(FarelarkError):
    """A sender has ended; why, it has said on the standard error."""


class Sending:
    """A sender at work."""

    def __init__(self, kind: Kind, process: asyncio.subprocess.Process) -> None:
        self._kind = kind
        self._process = process

    async def send(self, count: int) -> Run:
        """Let it send so many.

        Raises:
            SenderFailedError: it could not.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{count}\n".encode())
        line = await self._process.stdout.readline()
        if not line:
            raise SenderFailedError(f"the sender {self._kind} has ended with status {await self._process.wait()}")
        return msgspec.json.decode(line, type=Run)

    async def end(self) -> None:
        """Let it close its connections."""
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()


@asynccontextmanager
async def sending(kind: Kind, stand_in: FcmStandIn) -> AsyncIterator[Sending]:
    """Run a sender while the block runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "fleet.bench.push_senders", kind, str(stand_in.account), stand_in.url),
        env=os.environ | stand_in.trust | {"PYTHONPATH": str(REPOSITORY)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    sender = Sending(kind, process)
    try:
        yield sender
    finally:
        await sender.end()
