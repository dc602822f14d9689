"""Wires the door: fares in over HTTP."""

from litestar import Litestar, Router

from services.ingest_gateway.http.documentation import document_push, openapi_config
from services.ingest_gateway.http.door import Door
from services.ingest_gateway.http.problems import handlers
from services.ingest_gateway.http.routes import push_route, ready_route
from services.ingest_gateway.intake.intake import Intake
from services.ingest_gateway.producers.limits import FareLimits
from services.ingest_gateway.producers.producers import Producers
from shared.http.edge import Edge
from shared.http.liveness import live
from shared.http.measuring import Measuring
from shared.http.openapi import DocstringsAsSummaries


def create_app(intake: Intake, producers: Producers, limits: FareLimits) -> Litestar:
    """The application; whoever gives these opens and closes what they stand on."""
    app = Litestar(
        [
            push_route(Door(intake, producers, limits)),
            Router("/", route_handlers=[live], tags=["health"]),
            ready_route(intake),
        ],
        middleware=[Measuring()],
        exception_handlers=handlers(),
        openapi_config=openapi_config(),
        plugins=[DocstringsAsSummaries()],
        logging_config=None,
    )
    document_push(app)
    app.asgi_handler = Edge(app.asgi_handler)
    return app
