"""The alerts API as a process, over HTTP."""

import asyncio
import signal
from pathlib import Path

from tests.integration.api_processes import log_in, process, up

LOGIN = b'{"email": "x@example.org", "password": "correct horse"}'
HEAD = b"""\
POST /api/auth/login HTTP/1.1\r
Host: localhost\r
Content-Type: application/json\r
Content-Length: %d\r
Expect: 100-continue\r
Connection: close\r
\r
"""


async def test_it_starts_before_its_databases_and_stops_with_status_0(tmp_path: Path) -> None:
    async with process(tmp_path) as (api, client):
        await up(api, client)
        assert (await client.get("/health/ready")).status_code == 503
        assert "farelark_ready 0.0" in (await client.get("/metrics")).text.splitlines()
        api.send_signal(signal.SIGTERM)
        assert await api.wait() == 0
        assert "hunter2" not in log_in(tmp_path).read_text()


async def test_a_request_in_hand_is_answered_before_the_end(tmp_path: Path) -> None:
    """The API asks for the body of a request that it has in hand, and it is sent once the signal has come."""
    async with process(tmp_path) as (api, client):
        await up(api, client)
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(HEAD % len(LOGIN))
        assert (await reader.readline()).startswith(b"HTTP/1.1 100 ")
        api.send_signal(signal.SIGTERM)
        writer.write(LOGIN)
        answer = await reader.read()
        assert answer.lstrip().startswith(b"HTTP/1.1 503 ")
        assert await api.wait() == 0
        writer.close()


async def test_a_body_over_the_limit_is_refused_over_the_wire(tmp_path: Path) -> None:
    async with process(tmp_path) as (api, client):
        await up(api, client)
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/api/auth/login", content=b" " * 70_000, headers=headers)
        assert answer.status_code == 413


async def test_what_is_missing_is_named_and_the_status_is_1(tmp_path: Path) -> None:
    async with process(tmp_path, JWT_KEYS=str(tmp_path / "nowhere")) as (api, _):
        assert await api.wait() == 1
        log = log_in(tmp_path).read_text()
        assert "nowhere holds no usable key; make one with `./farelark keys rotate" in log
