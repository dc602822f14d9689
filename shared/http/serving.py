"""Serves an application over HTTP, in the process and on the event loop of its service, until that is told to stop."""

import asyncio
from typing import Final

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from litestar import Litestar

_MAX_HEADER_BYTES: Final = 64 * 1024
# Kept alive or slow ones too: whoever comes after them is not even accepted.
_MOST_CONNECTIONS: Final = 4_096


async def serve_http(app: Litestar, host: str, port: int, stopping: asyncio.Event) -> None:
    """Answer requests; when told to stop, take no more and answer those in hand."""
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        websockets=False,
        backlog=_MOST_CONNECTIONS,
        backpressure=_MOST_CONNECTIONS,
        http1_settings=HTTP1Settings(max_buffer_size=_MAX_HEADER_BYTES),
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    told = asyncio.create_task(stopping.wait())
    await asyncio.wait([serving, told], return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    server.stop()  # type: ignore[no-untyped-call]  # granian leaves this one without annotations
    await serving
