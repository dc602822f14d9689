"""The gateway's door over the wire: bodies that stop, lie or never end, and connections that only wait."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import pytest

from fleet.servers.ports import LOOPBACK
from services.ingest_gateway.http import receiving
from shared.http import lingering
from tests.integration.listening_door import listening
from tests.open_door import KEY, OpenDoor
from tests.unit.fares import fare, json_of

PATIENCE_S = 10.0
HEAD = (
    "POST /v1/fares HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
    f"Authorization: {KEY['Authorization']}\r\n"
).encode()
BODY = json_of(fare())


class Answer(NamedTuple):
    status: int
    body: bytes


class Served:
    """A door that listens."""

    def __init__(self, door: OpenDoor, port: int) -> None:
        self.kept = door.kept
        self._port = port

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def asked(self, *parts: bytes) -> Answer:
        """The answer to what is sent, after which nothing more comes."""
        async with self.connected() as (reader, writer):
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await answer_in(reader)

    async def still_takes_fares(self) -> None:
        """One gets in, whatever came before it."""
        before = len(self.kept.fares)
        answer = await self.asked(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        assert (answer.status, json.loads(answer.body)["accepted"]) == (202, 1)
        assert len(self.kept.fares) == before + 1


async def answer_in(reader: asyncio.StreamReader) -> Answer:
    async with asyncio.timeout(PATIENCE_S):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return Answer(int(head.split(b" ")[1]), await reader.readexactly(length))


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    door = OpenDoor()
    async with listening(door) as port:
        yield Served(door, port)


@pytest.mark.parametrize(
    "head", [b"Content-Length: %d\r\n\r\n" % (len(BODY) + 1), b"Transfer-Encoding: chunked\r\n\r\n200\r\n"]
)
async def test_a_body_that_ends_before_it_is_whole_is_not_taken(served: Served, head: bytes) -> None:
    async with served.connected() as (reader, writer):
        writer.write(HEAD + head + BODY)
        writer.write_eof()
        async with asyncio.timeout(PATIENCE_S):
            said = await reader.read()
    assert not said or said.startswith(b"HTTP/1.1 400 ")
    assert served.kept.batches == []
    await served.still_takes_fares()


async def test_what_follows_a_body_that_is_longer_than_it_says_is_no_fare(served: Served) -> None:
    length = b"Content-Length: %d\r\n\r\n" % len(BODY)
    answer = await served.asked(HEAD + length + BODY + BODY)
    assert (answer.status, len(served.kept.fares)) == (202, 1)
    await served.still_takes_fares()


async def test_a_body_that_drips_in_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "DEADLINE_S", 0.05)
    monkeypatch.setattr(lingering, "_DEADLINE_S", 0.05)
    answer = await served.asked(HEAD + b"Content-Length: 1000\r\n\r\n", BODY[:10])
    assert (answer.status, json.loads(answer.body)["title"]) == (408, "Request Timeout")
    await served.still_takes_fares()


@pytest.mark.parametrize(
    "parts",
    [
        (b"Content-Length: 1000\r\n\r\n", b" " * 1_000),
        (b"Transfer-Encoding: chunked\r\n\r\n", *[b"64\r\n" + b" " * 100 + b"\r\n"] * 10, b"0\r\n\r\n"),
    ],
)
async def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_so(
    served: Served, monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr(receiving, "MOST_BYTES", 500)
    answer = await served.asked(HEAD + parts[0], *parts[1:])
    assert (answer.status, json.loads(answer.body)["title"]) == (413, "Request Entity Too Large")
    await served.still_takes_fares()


async def test_a_body_in_many_parts_is_one(served: Served) -> None:
    body = json_of(*[fare(price=price) for price in range(1, 2_001)])
    parts = [body[start : start + 100_000] for start in range(0, len(body), 100_000)]
    answer = await served.asked(HEAD + b"Content-Length: %d\r\n\r\n" % len(body), *parts)
    assert (answer.status, len(served.kept.fares)) == (202, 2_000)


async def test_connections_that_only_wait_keep_nobody_out(served: Served) -> None:
    """As many as producers keep open between their requests, and more than the server lets in by itself."""
    async with AsyncExitStack() as waiting:
        for _ in range(200):
            reader, writer = await waiting.enter_async_context(served.connected())
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: gateway\r\n\r\n")
            assert (await answer_in(reader)).status == 200
        await served.still_takes_fares()
