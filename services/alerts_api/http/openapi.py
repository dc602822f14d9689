"""The OpenAPI document of the API, at /schema/openapi.json; in development there is a page to browse it, at /schema."""

from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import Components, SecurityRequirement, SecurityScheme
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute

from services.alerts_api.accounts.authentication import PUBLIC
from services.alerts_api.http.browsing import POLICY, BrowsablePage
from services.alerts_api.http.limiting import is_counted
from services.alerts_api.http.problems import REFUSED_BODY, TOO_MANY
from shared.http.exact_schemas import ExactDocument
from shared.http.openapi import operation_id, schema_router

_BEARER = "bearer"
BEARER_ONLY: list[SecurityRequirement] = [{_BEARER: []}]

_DESCRIPTION: Final = """\
Tells travellers when a fare that they care about falls.

Amounts are integers in minor units of their currency, times are UTC in ISO 8601. Every refusal is a problem document
(RFC 9457); `request_id` is also in the header `X-Request-Id`, under which we find the request again: an app may send
one of its own. After a 429 or a 503 try again when `Retry-After` says.
"""


def openapi_config(*, browsable: bool) -> OpenAPIConfig:
    """How the document is made, where it is served, and whether there is a page to browse it with."""
    json_at = ["/openapi.json"] if browsable else ["/", "/openapi.json"]
    page = [BrowsablePage()] if browsable else []
    bearer = SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
    return OpenAPIConfig(
        title="Farelark alerts",
        version="1",
        description=_DESCRIPTION,
        operation_id_creator=operation_id,
        components=Components(security_schemes={_BEARER: bearer}),
        openapi_router=schema_router(opt=PUBLIC, response_headers={"Content-Security-Policy": POLICY}),
        render_plugins=[*page, ExactDocument(path=json_at)],
    )


class LayersInFront(ReceiveRoutePlugin):
    """Documents each operation with the answers of the layers in front of it."""

    def receive_route(self, route: BaseRoute) -> None:
        """Document the handlers of a route."""
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                handler.responses = _in_front_of(handler) | dict(handler.responses or {})


def _in_front_of(handler: HTTPRouteHandler) -> dict[int, ResponseSpec]:
    body = REFUSED_BODY if "data" in handler.parsed_fn_signature.parameters else {}
    return body | TOO_MANY if is_counted(handler) else body
