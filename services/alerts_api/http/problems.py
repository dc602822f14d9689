"""Errors as the app sees them: RFC 9457 problem documents, never with a stack, a statement or a secret in them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import ResponseSpec
from litestar.types import ExceptionHandlersMap
from msgspec import UNSET, Struct, UnsetType

from services.alerts_api.alerts.store import AlertOverError
from services.alerts_api.alerts.stored import UnknownAlertError
from services.alerts_api.alerts.writes import ContendedError
from services.alerts_api.http.fields import InvalidFieldError
from shared.errors import UnavailableError
from shared.shards import MapMovedError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5

log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]


class FieldProblem(Struct, frozen=True):
    """One field, by its path in the body or its name in the query, and what is wrong with it."""

    field: str
    detail: str


class Problem(Struct, frozen=True):
    """What went wrong; `errors` is there when single fields are to blame."""

    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | UnsetType = UNSET


ProblemResponse = Response[Problem]


def _specified(descriptions: Mapping[int, str]) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(Problem, generate_examples=False, description=description, media_type=MEDIA_TYPE)
        for status, description in descriptions.items()
    }


# What any route may answer beside its own, for the OpenAPI document.
PROBLEMS = _specified(
    {
        400: "The request is malformed, or makes no sense",
        401: "There is no valid access token, or the login is wrong",
        503: "A database cannot be reached now",
    }
)
# And the routes of one alert.
PROBLEMS_OF_ONE = PROBLEMS | _specified(
    {
        404: "The traveller has no such alert",
        409: "The alert is over",
    }
)


def handlers() -> ExceptionHandlersMap:
    """How each class of errors is answered."""
    return {
        HTTPException: _http,
        ValidationException: _invalid_parameters,
        InvalidFieldError: _invalid_field,
        UnknownAlertError: _unknown_alert,
        AlertOverError: _alert_over,
        UnavailableError: _unavailable,
        MapMovedError: _contended,
        ContendedError: _contended,
        Exception: _unexpected,
    }


def _problem(
    status: int,
    detail: str,
    errors: list[FieldProblem] | UnsetType = UNSET,
    headers: dict[str, str] | None = None,
) -> ProblemResponse:
    problem = Problem(HTTPStatus(status).phrase, status, detail, errors)
    return Response(problem, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _http(_: AnyRequest, error: HTTPException) -> ProblemResponse:
    return _problem(error.status_code, error.detail, headers=error.headers)


def _invalid_parameters(_: AnyRequest, error: ValidationException) -> ProblemResponse:
    """Parameters, and an empty body, are Litestar's to refuse: its `extra` lists a message and a key for each."""
    extra = error.extra if isinstance(error.extra, list) else []
    errors = [FieldProblem(fault.get("key", ""), fault["message"]) for fault in extra]
    return _problem(error.status_code, "a part of the request is missing or invalid", errors)


def _invalid_field(_: AnyRequest, error: InvalidFieldError) -> ProblemResponse:
    problem = FieldProblem(error.field, error.detail)
    return _problem(HTTPStatus.BAD_REQUEST, str(error), [problem])


def _unavailable(_: AnyRequest, error: UnavailableError) -> ProblemResponse:
    log.warning("unavailable", server=error.server, error=str(error))
    return _try_again("a database cannot be reached; try again in a moment")


def _contended(_: AnyRequest, error: MapMovedError | ContendedError) -> ProblemResponse:
    log.warning("contended", error=str(error))
    return _try_again("the alert is being written by somebody else; try again in a moment")


def _try_again(detail: str) -> ProblemResponse:
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_AFTER_S)})


def _unknown_alert(_: AnyRequest, error: UnknownAlertError) -> ProblemResponse:
    return _problem(HTTPStatus.NOT_FOUND, str(error))


def _alert_over(_: AnyRequest, error: AlertOverError) -> ProblemResponse:
    return _problem(HTTPStatus.CONFLICT, str(error))


def _unexpected(request: AnyRequest, error: Exception) -> ProblemResponse:
    log.error("request_failed", method=request.method, path=request.url.path, exc_info=error)
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "this is our fault; it has been logged")
