"""What is the same for every OpenAPI document of ours: where it stands, and that handlers document themselves."""

from inspect import getdoc
from typing import Any

from litestar import Router
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition


class DocstringsAsSummaries(ReceiveRoutePlugin):
    """Documents each operation by its handler's docstring: its first line, and what follows it."""

    def receive_route(self, route: BaseRoute) -> None:
        """Document the handlers of a route."""
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                summary, _, description = (getdoc(handler.fn) or "").partition("\n\n")
                handler.summary, handler.description = summary.rstrip("."), description or None


def schema_router(**options: Any) -> Router:  # noqa: ANN401  # Litestar's own, of many types
    """The router at /schema, on which the document is served, with further options of Litestar's."""
    return Router("/schema", route_handlers=[], guards=[_refuse_unknown], include_in_schema=False, **options)


def operation_id(handler: HTTPRouteHandler, _: Method, __: list[str | PathParameterDefinition]) -> str:
    """The name of the handler: every one is said only once."""
    return handler.handler_name


def _refuse_unknown(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Litestar's own answer to paths that are not there, a page, stands under this parameter."""
    if "path" in connection.path_params:
        raise NotFoundException
