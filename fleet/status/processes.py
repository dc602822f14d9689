"""Asks every process of a fleet whether it is ready, and what it has counted."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from fleet.addresses import Service
from fleet.status.exposition import Told, read
from fleet.status.snapshot import Process

_TIMEOUT: Final = aiohttp.ClientTimeout(total=2.0)  # the API gives its servers one second to answer
# After the first two: something else stands in its place.
_NO_ANSWER: Final = (aiohttp.ClientError, TimeoutError, ValueError, TypeError, AttributeError, LookupError)


async def ask_all(services: Iterable[Service]) -> list[tuple[Process, Told]]:
    """Ask them side by side; who does not answer in time has told nothing."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as client:
        return await asyncio.gather(*(_ask(client, service) for service in services))


async def _ask(client: aiohttp.ClientSession, service: Service) -> tuple[Process, Told]:
    (ready, missing), told = await asyncio.gather(_readiness(client, service.ops), _metrics(client, service.ops))
    return Process(service.name, service.pid, urlsplit(service.ops).netloc, ready, missing), told


async def _readiness(client: aiohttp.ClientSession, ops: str) -> tuple[bool, list[str] | None]:
    try:
        async with client.get(f"{ops}/health/ready") as answer:
            return answer.ok, _missing(await answer.json(content_type=None))
    except _NO_ANSWER:
        return False, None


async def _metrics(client: aiohttp.ClientSession, ops: str) -> Told:
    try:
        async with client.get(f"{ops}/metrics") as answer:
            return read(await answer.text())
    except _NO_ANSWER:
        return Told()


def _missing(health: dict[str, Any]) -> list[str]:
    """What a worker waits for, or which servers the API cannot reach, as each puts it."""
    away = [name for name, state in health.get("servers", {}).items() if state == "away"]
    return away or list(health.get("missing", []))
