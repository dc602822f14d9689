"""Serves the application over HTTP until the process is told to stop."""

import asyncio
from typing import Final

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from services.alerts_api.app import create_app
from services.alerts_api.settings import Settings
from shared.health import Health

_MAX_HEADER_BYTES: Final = 64 * 1024


async def serve(settings: Settings, health: Health, stopping: asyncio.Event) -> None:
    """Answer requests; when told to stop, take no more and answer those in hand."""
    server = Server(
        create_app(settings),
        address=settings.api_host,
        port=settings.api_port,
        interface=Interfaces.ASGI,
        websockets=False,
        http1_settings=HTTP1Settings(max_buffer_size=_MAX_HEADER_BYTES),
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    told = asyncio.create_task(stopping.wait())
    health.started = True
    await asyncio.wait([serving, told], return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    server.stop()  # type: ignore[no-untyped-call]  # granian leaves this one without annotations
    await serving
