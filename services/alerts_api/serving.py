"""Serves the application over HTTP until the process is told to stop."""

import asyncio

from services.alerts_api.app import create_app
from services.alerts_api.http.readiness import Readiness
from services.alerts_api.settings import Settings
from shared.health import Health
from shared.http.serving import serve_http


async def serve(settings: Settings, health: Health, stopping: asyncio.Event) -> None:
    """Answer requests; when told to stop, take no more and answer those in hand."""
    app = create_app(settings)
    readiness: Readiness = app.state.readiness
    health.require("servers", lambda: readiness.holds)
    health.started = True
    await serve_http(app, settings.api_host, settings.api_port, stopping)
