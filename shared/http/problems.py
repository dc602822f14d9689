"""Errors as a client sees them: RFC 9457 problem documents, never with a stack, a statement or a secret in them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.openapi import ResponseSpec
from msgspec import Struct

from shared.http.request_ids import current_request_id

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5

log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]


class Problem(Struct, frozen=True):
    """What went wrong in the request of this id."""

    title: str
    status: int
    detail: str
    request_id: str


ProblemT = TypeVar("ProblemT", bound=Problem)


def specified(kind: type[Problem], descriptions: Mapping[int, str]) -> dict[int, ResponseSpec]:
    """What a route may answer, by status, for the OpenAPI document."""
    return {
        status: ResponseSpec(kind, generate_examples=False, description=description, media_type=MEDIA_TYPE)
        for status, description in descriptions.items()
    }


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response[Problem]:
    """The answer that tells of a problem with the request at hand."""
    return answer(Problem(HTTPStatus(status).phrase, status, detail, current_request_id()), headers)


def answer(told: ProblemT, headers: dict[str, str] | None = None) -> Response[ProblemT]:
    """The answer that carries a document which has more than the fields that all have."""
    return Response(told, status_code=told.status, media_type=MEDIA_TYPE, headers=headers)


def refused(_: AnyRequest, error: HTTPException) -> Response[Problem]:
    """What Litestar, or a route by one of its errors, refuses."""
    return problem(error.status_code, error.detail, error.headers)


def unexpected(request: AnyRequest, error: Exception) -> Response[Problem]:
    """What nobody had thought of."""
    log.error("request_failed", method=request.method, route=request.scope.get("path_template"), exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "this is our fault; it has been logged")
