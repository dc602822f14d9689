"""The OpenAPI document of the door; what takes fares is bare ASGI, of which Litestar knows nothing to tell."""

from typing import Any, Final

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    PathItem,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
)

from services.ingest_gateway.http.fare_schema import Fare
from services.ingest_gateway.http.media import Coding, Format
from services.ingest_gateway.http.parameters import CYCLE
from services.ingest_gateway.http.problems import REFUSALS
from services.ingest_gateway.http.receipts import Receipt
from services.ingest_gateway.http.routes import FARES
from services.ingest_gateway.http.splitting import MOST_FARES
from shared.fare_lanes import Lane
from shared.http import problems
from shared.http.exact_schemas import ExactDocument
from shared.http.openapi import operation_id, schema_router

_DESCRIPTION: Final = """\
Takes fares from producers.

Prices are integers in minor units of their currency, times are UTC in ISO 8601. Every refusal is a problem document
(RFC 9457); `request_id` is also in the header `X-Request-Id`, under which we find the request again: a producer may
send one of its own. After a 429 or a 503 send the same again when `Retry-After` says; what had been taken of it already
does no harm.
"""
_PUSH: Final = """\
Fares that make no sense are set aside one by one, and the receipt says which and why; the others are taken.

Whoever gets no answer sends the same again: a fare that was taken twice is no second change.
"""
_RECEIPTS: Final = {
    202: "RabbitMQ has confirmed all that was accepted",
    201: "All that was accepted is safe, and some of it lies in the spool until RabbitMQ is back",
}
_KEY: Final = "key"


def openapi_config() -> OpenAPIConfig:
    """How the document is made, and where it is served."""
    key = SecurityScheme(type="http", scheme="bearer", bearer_format="flk_...")
    return OpenAPIConfig(
        title="Farelark's door for fares",
        version="1",
        description=_DESCRIPTION,
        operation_id_creator=operation_id,
        components=Components(security_schemes={_KEY: key}),
        openapi_router=schema_router(),
        render_plugins=[ExactDocument(path=["/", "/openapi.json"], further=[Fare, Receipt])],
    )


def document_push(app: Litestar) -> None:
    """Add the operation that takes fares to the application's document."""
    paths = app.openapi_schema.paths
    assert paths is not None, "there are the paths of the health checks"
    paths[FARES] = PathItem(post=_push_operation())


def _push_operation() -> Operation:
    receipts = {str(status): _answer(text, "application/json", Receipt) for status, text in _RECEIPTS.items()}
    refusals = {str(status): _answer(text, problems.MEDIA_TYPE, problems.Problem) for status, text in REFUSALS.items()}
    return Operation(
        operation_id="push_fares",
        tags=["fares"],
        summary="Take fares, and answer once they are safe",
        description=_PUSH,
        security=[{_KEY: []}],
        parameters=[_LANE, _CYCLE, _CODING],
        request_body=_BODY,
        responses={**receipts, **refusals},
    )


def _answer(description: str, media_type: str, kind: type) -> OpenAPIResponse:
    return OpenAPIResponse(description, content={media_type: OpenAPIMediaType(schema=_named(kind))})


def _named(kind: type) -> Reference:
    return Reference(ref=f"#/components/schemas/{kind.__name__}")


def _text(**constraints: Any) -> Schema:  # noqa: ANN401  # as JSON Schema has them
    return Schema(type=OpenAPIType.STRING, **constraints)


_LANE: Final = Parameter(
    "lane",
    "query",
    schema=_text(enum=list(Lane), default=Lane.LIVE),
    description="`live`: somebody waits for it; `sweep`: one of very many",
)
_CYCLE: Final = Parameter(
    "cycle",
    "query",
    schema=_text(pattern=f"^{CYCLE}$"),
    description="the sweep that they belong to; its id begins with the key's source and a hyphen",
)
_CODING: Final = Parameter(
    "Content-Encoding", "header", schema=_text(enum=list(Coding)), description="how the body is compressed"
)
_FARES: Final = Schema(type=OpenAPIType.ARRAY, items=_named(Fare), min_items=1, max_items=MOST_FARES)
_SCHEMAS: Final = {
    Format.JSON: Schema(one_of=[_named(Fare), _FARES]),
    Format.NDJSON: _text(description="a fare in each line"),
    Format.ARROW: _text(format="binary", description="an Arrow IPC stream of the schema `farelark.fares`, version 1"),
}
_BODY: Final = RequestBody(
    content={form.value: OpenAPIMediaType(schema=schema) for form, schema in _SCHEMAS.items()}, required=True
)
