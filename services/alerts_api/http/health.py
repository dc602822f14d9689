"""Liveness, readiness and metrics."""

import asyncio

import prometheus_client
from litestar import Response, get
from litestar.di import NamedDependency

from services.alerts_api.accounts.store import AccountsStore
from services.alerts_api.alerts.store import AlertsStore


@get("/health/live")
async def live() -> dict[str, str]:
    """Say that the event loop turns."""
    return {"status": "ok"}


@get("/health/ready")
async def ready(accounts: NamedDependency[AccountsStore], alerts: NamedDependency[AlertsStore]) -> dict[str, str]:
    """Say whether every database answers; 503 if one does not."""
    await asyncio.gather(accounts.check(), alerts.check())
    return {"status": "ok"}


@get("/metrics", include_in_schema=False)
async def metrics() -> Response[bytes]:
    """Give the metrics in Prometheus' format."""
    return Response(
        prometheus_client.generate_latest(), headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST}
    )
