"""Liveness, readiness and metrics of a worker, over HTTP on the event loop that does the work.

Because they share the loop, an answer on /health/live proves that the loop is not stuck.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import prometheus_client
from aiohttp import web

from shared import metrics


class Health:
    """What readiness says: started, every required check holds, and no server that the work needs is away."""

    def __init__(self) -> None:
        self.started = False
        self._checks: dict[str, Callable[[], bool]] = {}
        self._away: set[str] = set()
        metrics.READY.set_function(lambda: not self.missing())

    def require(self, name: str, check: Callable[[], bool]) -> None:
        """Be ready only while this holds."""
        self._checks[name] = check

    def away(self, server: str) -> None:
        """Work has to wait for this server."""
        self._away.add(server)

    def back(self) -> None:
        """Work went through, so every server it needs is there."""
        self._away.clear()

    def missing(self) -> list[str]:
        """What keeps the service from being ready, nothing if it is."""
        failed = [name for name, check in self._checks.items() if not check()]
        return sorted({*failed, *self._away, *(() if self.started else ("start",))})


@asynccontextmanager
async def serve_health(health: Health, host: str, port: int, pages: Iterable[web.RouteDef] = ()) -> AsyncIterator[None]:
    """Answer /health/live, /health/ready, /metrics and further pages while the block runs."""

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_: web.Request) -> web.Response:
        missing = health.missing()
        return web.json_response(
            {"status": "waiting" if missing else "ok", "missing": missing}, status=503 if missing else 200
        )

    async def show_metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=prometheus_client.generate_latest(),
            headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST},
        )

    app = web.Application()
    app.add_routes([web.get("/health/live", live), web.get("/health/ready", ready), web.get("/metrics", show_metrics)])
    app.add_routes(pages)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()
