"""The gateway's door on a port of its own, in the test's process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fleet.servers.ports import LOOPBACK, free_ports
from shared.http.serving import serve_http
from tests.open_door import OpenDoor

_PATIENCE_S = 10.0


@asynccontextmanager
async def listening(door: OpenDoor) -> AsyncIterator[int]:
    """Answer requests while the block runs; yields the port."""
    (port,) = free_ports(1)
    stopping = asyncio.Event()
    serving = asyncio.create_task(serve_http(door.app, LOOPBACK, port, stopping))
    try:
        await _until_it_answers(port)
        yield port
    finally:
        stopping.set()
        await serving


async def _until_it_answers(port: int) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            with suppress(ConnectionRefusedError):
                _, writer = await asyncio.open_connection(LOOPBACK, port)
                writer.close()
                return
            await asyncio.sleep(0.01)
