"""The run's servers as a fleet to watch, and the operations process over it."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from fleet.addresses import REPOSITORY, Addresses
from fleet.servers.ports import free_ports
from tests.private_servers import Servers

TOKEN = "a token of an invented fleet"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
CLOSED = "127.0.0.1:1"


def addresses_of(servers: Servers, shards: list[str], **changes: object) -> Addresses:
    """The fleet of these servers, without any process, and with some of it elsewhere."""
    whole = {
        "pid": 0,
        "api": "",
        "amqp": servers.rabbitmq.amqp_url,
        "amqp_management": servers.rabbitmq.management_url,
        "amqp_tick_interval": 0.1,
        "redis": servers.redis.url,
        "accounts": servers.postgres.url("accounts"),
        "shards": shards,
        "push_log": "",
        "services": [],
    }
    return Addresses(**(whole | changes))  # type: ignore[arg-type]  # what a test changes it knows the type of


@asynccontextmanager
async def operations(at: Addresses, **settings: str) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    """The operations process over a fleet, once it answers, and a client of it."""
    (port,) = free_ports(1)
    process = await start(environment_of(at) | {"OPS_PORT": str(port), "OPS_TOKEN": TOKEN} | settings)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            await _ready(process, client)
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def start(environment: Mapping[str, str]) -> Process:
    """The process with this environment and no other."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "fleet.operating"),
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "OPS_HOST": "127.0.0.1", **environment},
        stderr=PIPE,
    )


def environment_of(at: Addresses) -> dict[str, str]:
    """What leads to this fleet."""
    return {
        "RABBITMQ_URL": at.amqp,
        "RABBITMQ_MANAGEMENT_URL": at.amqp_management,
        "REDIS_URL": at.redis,
        "ACCOUNTS_URL": at.accounts,
        "SHARD_URLS": ",".join(at.shards),
        "OPS_TARGETS": ",".join(f"{service.name}={service.ops}" for service in at.services),
    }


async def _ready(process: Process, client: httpx.AsyncClient) -> None:
    while process.returncode is None:
        try:
            if (await client.get("/health/ready")).is_success:
                return
        except httpx.ConnectError:
            pass
        await asyncio.sleep(0.05)
    raise AssertionError(f"it ended with status {process.returncode}")
