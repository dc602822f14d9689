"""The alerts API as processes of their own."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from fleet.keys import ensure_key
from fleet.servers.ports import free_ports

REPOSITORY = Path(__file__).parents[2]
PORT_CLOSED = "postgresql://x:hunter2@127.0.0.1:1/none"


@asynccontextmanager
async def process(folder: Path, **changes: str) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    """A process of the API with its keys and its log in this folder, and its settings changed so, and a client."""
    ensure_key(folder / "token_keys", datetime.now(UTC))
    port, ops_port = free_ports(2)
    environment = {
        "PATH": os.environ["PATH"],
        "ACCOUNTS_URL": PORT_CLOSED,
        "SHARD_URLS": PORT_CLOSED,
        "REDIS_URL": "redis://:hunter2@127.0.0.1:1",
        "RABBITMQ_URL": "amqp://x:hunter2@127.0.0.1:1/",
        "JWT_KEYS": str(folder / "token_keys"),
        "API_PORT": str(port),
        "OPS_PORT": str(ops_port),
    }
    with log_in(folder).open("ab") as log:
        api = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "services.alerts_api"),
            cwd=REPOSITORY,
            env=environment | changes,
            stderr=log,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield api, client
    finally:
        if api.returncode is None:
            api.kill()
        await api.wait()


def log_in(folder: Path) -> Path:
    """What the processes of this folder have logged."""
    return folder / "api.log"


async def up(api: Process, client: httpx.AsyncClient) -> None:
    """Wait until the process answers."""
    while api.returncode is None:
        try:
            assert (await client.get("/health/live")).status_code == 200
        except httpx.ConnectError:
            await asyncio.sleep(0.05)
        else:
            return
    pytest.fail(f"a process of the API ended with status {api.returncode}, see its log")
