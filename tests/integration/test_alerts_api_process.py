"""The alerts API as a process, over HTTP."""

import asyncio
import signal
from pathlib import Path

from tests.integration.api_processes import log_in, process, up
from tests.integration.silent_server import silent_server


async def test_it_starts_before_its_databases_and_stops_with_status_0(tmp_path: Path) -> None:
    async with process(tmp_path) as (api, client):
        await up(api, client)
        assert (await client.get("/health/ready")).status_code == 503
        api.send_signal(signal.SIGTERM)
        assert await api.wait() == 0
        assert "hunter2" not in log_in(tmp_path).read_text()


async def test_a_request_in_hand_is_answered_before_the_end(tmp_path: Path) -> None:
    """The request waits for a database that never answers, so it is surely in hand when the signal comes."""
    with silent_server() as database:
        urls = {"ACCOUNTS_URL": database.url, "SHARD_URLS": database.url}
        async with process(tmp_path, **urls) as (api, client):
            await up(api, client)
            asking = asyncio.create_task(client.get("/health/ready"))
            await database.connected()
            api.send_signal(signal.SIGTERM)
            assert (await asking).status_code == 503
            assert await api.wait() == 0


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
