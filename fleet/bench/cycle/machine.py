"""On which machine and with which servers the figures came about."""

import platform
from pathlib import Path

import asyncpg
import httpx
import psutil
from redis.asyncio import Redis

from fleet.addresses import Addresses

_GB = 1024**3


async def describe(addresses: Addresses) -> dict[str, str | int]:
    """Cores, memory and versions."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count() or 0,
        "memory_gb": round(psutil.virtual_memory().total / _GB),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "rabbitmq": await _rabbitmq_version(addresses.amqp_management),
        "redis": await _redis_version(addresses.redis),
        "postgresql": await _postgresql_version(addresses.accounts),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


async def _rabbitmq_version(url: str) -> str:
    async with httpx.AsyncClient(base_url=url) as client:
        response = await client.get("/api/overview")
        return str(response.raise_for_status().json()["rabbitmq_version"])


async def _redis_version(url: str) -> str:
    async with Redis.from_url(url) as redis:
        return str((await redis.info("server"))["redis_version"])


async def _postgresql_version(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
