"""Readiness and metrics."""

from typing import Literal

import prometheus_client
from litestar import Response, get
from litestar.di import NamedDependency
from msgspec import Struct

from services.alerts_api.http.problems import NOT_READY
from services.alerts_api.http.readiness import Readiness, States


class Ready(Struct, frozen=True):
    """The process can serve, with these servers behind it."""

    servers: States
    status: Literal["ok"] = "ok"


@get("/health/ready", responses=NOT_READY)
async def ready(readiness: NamedDependency[Readiness]) -> Ready:
    """Say whether to send requests here: while accounts and at least one shard answer."""
    return Ready(await readiness.look())


@get("/metrics", include_in_schema=False)
async def metrics() -> Response[bytes]:
    """Give the metrics in Prometheus' format."""
    return Response(
        prometheus_client.generate_latest(), headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST}
    )
