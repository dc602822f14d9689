"""Clients that ask a server over HTTP one after the other without a pause, and how fast they are answered.

They share the machine with what they measure, so they do no more than it takes: a library's client would need as much
of the processor as the server.
"""

import asyncio
import time
from asyncio import StreamReader, StreamWriter, TaskGroup
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
import numpy as np

from shared.errors import FarelarkError, UnavailableError

_TIMEOUT_S: Final = 30.0
_MS: Final = 1_000
_SHOWN: Final = 500  # bytes of an answer that should have been another

Asked = Callable[[int], None]


class RefusedError(FarelarkError):
    """The server answered otherwise than it should."""


class Ask(NamedTuple):
    """A request, and the status that answers it."""

    method: str
    path: str
    status: int
    token: str | None = None
    body: bytes = b""
    content_type: str = "application/json"

    @property
    def message(self) -> bytes:
        """The request as it is sent."""
        head = [f"{self.method} {self.path} HTTP/1.1", "Host: bench", f"Content-Length: {len(self.body)}"]
        if self.body:
            head.append(f"Content-Type: {self.content_type}")
        if self.token:
            head.append(f"Authorization: Bearer {self.token}")
        return "\r\n".join([*head, "", ""]).encode() + self.body


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast requests were answered; latencies in ms."""

    per_second: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Load:
    """Clients of a server.

    Attributes:
        roots: of the server's processes; clients are spread over them.
        clients: how many ask at once.
        asked: is told of every request.
    """

    roots: Sequence[str]
    clients: int
    asked: Asked

    async def put(self, asks: Sequence[Ask]) -> Pace:
        """Ask all this.

        Raises:
            ExceptionGroup: of RefusedError, where something was answered otherwise than expected, or of
                UnavailableError, where nothing was answered.
        """
        latencies: list[float] = []
        remaining = iter(asks)
        started = time.monotonic()
        async with TaskGroup() as clients:
            for number in range(self.clients):
                clients.create_task(self._ask_on(self.roots[number % len(self.roots)], remaining, latencies))
        seconds = time.monotonic() - started
        p50, p99 = np.percentile(latencies, [50, 99]).tolist()
        return Pace(len(latencies) / seconds, round(p50 * _MS, 2), round(p99 * _MS, 2))

    async def answer(self, ask: Ask) -> Any:  # noqa: ANN401  # any JSON
        """Ask once.

        Raises:
            RefusedError: it was answered otherwise than expected.
            UnavailableError: it was not answered.
        """
        async with _connected(self.roots[0]) as connection:
            return msgspec.json.decode(await connection.answer(ask))

    async def _ask_on(self, root: str, remaining: Iterator[Ask], latencies: list[float]) -> None:
        async with _connected(root) as connection:
            for ask in remaining:
                started = time.monotonic()
                await connection.answer(ask)
                latencies.append(time.monotonic() - started)
                self.asked(1)


@dataclass(frozen=True, slots=True)
class _Connection:
    """One that is kept alive; it understands answers that say how long they are, as ours do."""

    reader: StreamReader
    writer: StreamWriter

    async def answer(self, ask: Ask) -> bytes:
        self.writer.write(ask.message)
        async with asyncio.timeout(_TIMEOUT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            _, _, after = head.partition(b"\r\ncontent-length:")
            body = await self.reader.readexactly(int(after.partition(b"\r\n")[0] or 0))
        status = int(head[9:12])
        if status != ask.status:
            shown = body[:_SHOWN].decode(errors="replace")
            raise RefusedError(f"{ask.method} {ask.path} was answered {status}: {shown}")
        return body


@asynccontextmanager
async def _connected(root: str) -> AsyncIterator[_Connection]:
    """A connection while the block runs.

    Raises:
        UnavailableError: it was refused or lost, or an answer did not come in time.
    """
    address = urlsplit(root)
    try:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            yield _Connection(reader, writer)
        finally:
            writer.close()
    except (OSError, EOFError) as error:
        raise UnavailableError(root, f"{type(error).__name__}: its log may say why") from error
