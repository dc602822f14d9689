"""The gateway without Firebase: every push becomes a JSON line of a file that several notifiers may share."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from services.notifier.digest import Digest
from services.notifier.gateway import PUSHES_STOPPED, Outcome, Push, Verdict
from shared.errors import UnavailableError
from shared.messages.notifications import Expiry, Notice, Notification

Kind: TypeAlias = Literal["fired", "expired", "digest"]

_KINDS: Final[Mapping[type[Notice | Digest], Kind]] = {Notification: "fired", Expiry: "expired", Digest: "digest"}


class Line(msgspec.Struct, frozen=True):
    """A push in the log; `device` is our id of it, never its token. Only a firing has a fare, a digest no one alert."""

    kind: Kind
    notification_id: UUID
    alert_id: UUID | UnsetType
    user_id: UUID
    device: UUID
    title: str
    body: str
    sent_at: datetime
    price: int | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    fare: str | UnsetType = UNSET


class PushLog:
    """Appends pushes to a file, a batch at a time.

    Args:
        path: the file; it is made where it is missing.
        clock: tells the instant in UTC.
        stopped: says whether pushes are stopped.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime], stopped: Callable[[], bool] = lambda: False) -> None:
        self._path = path
        self._clock = clock
        self._stopped = stopped
        self._encoder = msgspec.json.Encoder()

    async def send(self, pushes: Sequence[Push]) -> Sequence[Outcome]:
        """Append one line per push, all in one write so that no other process writes between them.

        Raises:
            UnavailableError: the file cannot be written.
        """
        if self._stopped():
            return [PUSHES_STOPPED] * len(pushes)
        now = self._clock()
        lines = self._encoder.encode_lines([_line(push, now) for push in pushes])
        try:
            await asyncio.to_thread(self._append, lines)
        except OSError as error:
            raise UnavailableError("push_log", error.strerror or type(error).__name__) from error
        return [Outcome(Verdict.SENT)] * len(pushes)

    def _append(self, lines: bytes) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            written = os.write(file, lines)
        finally:
            os.close(file)
        if written < len(lines):
            raise OSError(None, f"only {written} of {len(lines)} bytes were written: is the disk full?")

    async def close(self) -> None:
        """Do nothing: the file is open only while it is written."""


def _line(push: Push, now: datetime) -> Line:
    told = push.told
    fare = told.fare if isinstance(told, Notification) else None
    return Line(
        kind=_KINDS[type(told)],
        notification_id=told.id,
        alert_id=UNSET if isinstance(told, Digest) else told.alert_id,
        user_id=told.user_id,
        device=push.device.id,
        title=push.text.title,
        body=push.text.body,
        sent_at=now,
        price=fare.price if fare else UNSET,
        currency=fare.currency if fare else UNSET,
        fare=told.fare_key if isinstance(told, Notification) else UNSET,
    )
