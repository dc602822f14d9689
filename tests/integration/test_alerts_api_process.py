"""The alerts API as a process, over HTTP."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from fleet.keys import generate_key
from fleet.servers.ports import free_ports
from tests.integration.silent_server import silent_server

REPOSITORY = Path(__file__).parents[2]
PORT_CLOSED = "postgresql://x:hunter2@127.0.0.1:1/none"


@asynccontextmanager
async def process(folder: Path, **changes: str) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    generate_key(folder / "key.pem")
    port, ops_port = free_ports(2)
    environment = {
        "PATH": os.environ["PATH"],
        "ACCOUNTS_URL": PORT_CLOSED,
        "SHARD_URLS": PORT_CLOSED,
        "REDIS_URL": "redis://:hunter2@127.0.0.1:1",
        "RABBITMQ_URL": "amqp://x:hunter2@127.0.0.1:1/",
        "JWT_KEY_FILE": str(folder / "key.pem"),
        "API_PORT": str(port),
        "OPS_PORT": str(ops_port),
    }
    api = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.alerts_api"),
        cwd=REPOSITORY,
        env=environment | changes,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield api, client
    finally:
        if api.returncode is None:
            api.kill()
        await api.communicate()


async def up(api: Process, client: httpx.AsyncClient) -> None:
    """Wait until the process answers."""
    while api.returncode is None:
        try:
            assert (await client.get("/health/live")).status_code == 200
        except httpx.ConnectError:
            await asyncio.sleep(0.05)
        else:
            return
    assert api.stderr
    pytest.fail((await api.stderr.read()).decode())


async def test_it_starts_before_its_databases_and_stops_with_status_0(tmp_path: Path) -> None:
    async with process(tmp_path) as (api, client):
        await up(api, client)
        assert (await client.get("/health/ready")).status_code == 503
        api.send_signal(signal.SIGTERM)
        _, errors = await api.communicate()
        assert api.returncode == 0
        assert b"hunter2" not in errors


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
            await api.communicate()
            assert api.returncode == 0


async def test_a_body_over_the_limit_is_refused_over_the_wire(tmp_path: Path) -> None:
    async with process(tmp_path) as (api, client):
        await up(api, client)
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/api/auth/login", content=b" " * 70_000, headers=headers)
        assert answer.status_code == 413


async def test_what_is_missing_is_named_and_the_status_is_1(tmp_path: Path) -> None:
    async with process(tmp_path, JWT_KEY_FILE=str(tmp_path / "nowhere.pem")) as (api, _):
        _, errors = await api.communicate()
        assert api.returncode == 1
        assert b"JWT_KEY_FILE cannot be read" in errors
