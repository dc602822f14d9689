"""The schemas of our structs as msgspec knows them, who also reads and writes them.

Litestar's leave out that unknown fields are refused, and the constraints within a choice of types.
"""

from collections.abc import Iterable, Iterator, Sequence
from inspect import cleandoc
from typing import Any, get_args

import msgspec
from litestar import Litestar, Request
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.routes import HTTPRoute

Schema = dict[str, Any]


class ExactDocument(JsonRenderPlugin):
    """Renders the OpenAPI document with exact schemas, once.

    Args:
        path: where it is served.
        further: structs that the document names and no handler shows.
    """

    def __init__(self, *, path: Sequence[str], further: Iterable[type[msgspec.Struct]] = ()) -> None:
        super().__init__(path=path)
        self._further = frozenset(further)
        self._rendered: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document as JSON."""
        if self._rendered is None:
            components = openapi_schema["components"]
            exact = openapi_schema | {"components": components | {"schemas": _schemas(request.app, self._further)}}
            self._rendered = super().render(request, exact)
        return self._rendered


def _schemas(app: Litestar, further: frozenset[type[msgspec.Struct]]) -> dict[str, Schema]:
    handlers = [handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers]
    types = {struct for handler in handlers for annotation in _annotations(handler) for struct in _structs(annotation)}
    in_order = sorted(types | further, key=lambda struct: struct.__name__)
    _, schemas = msgspec.json.schema_components(in_order, ref_template="#/components/schemas/{name}")
    return {name: _described(schema) for name, schema in schemas.items()}


def _annotations(handler: HTTPRouteHandler) -> Iterator[object]:
    """The types of what a handler takes and gives."""
    if handler.resolve_include_in_schema():
        signature = handler.parsed_fn_signature
        yield signature.return_type.annotation
        yield from (field.annotation for name, field in signature.parameters.items() if name == "data")
        yield from (answer.data_container for answer in (handler.responses or {}).values())


def _structs(annotation: object) -> Iterator[type[msgspec.Struct]]:
    """The structs within a type, such as `Response[Alert]`."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation
    for part in get_args(annotation):
        yield from _structs(part)


def _described(schema: Schema) -> Schema:
    """Docstrings come as they are indented, which Markdown takes for code."""
    return schema | {"description": cleandoc(schema["description"])} if "description" in schema else schema
