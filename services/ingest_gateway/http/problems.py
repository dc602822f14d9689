"""What each error is to a producer: a problem document that says what to do."""

from http import HTTPStatus
from typing import Final

import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from services.ingest_gateway.http.refusals import RefusedError
from services.ingest_gateway.producers.limits import LimitReachedError, RequestOverLimitError
from services.ingest_gateway.producers.producers import UnknownKeyError
from shared.errors import UnavailableError, UnreadableError
from shared.http import problems
from shared.http.problems import RETRY_AFTER_S, AnyRequest, Problem, problem, specified

# What the route of fares may answer beside its receipts, for the OpenAPI document.
REFUSALS: Final = {
    400: "The body, or a parameter, cannot be read",
    401: "There is no good key: none, or one that is unknown, expired or revoked",
    403: "The key does not reach to this lane or cycle",
    408: "The body did not come within half a minute",
    413: "The body is larger than 16 MiB, or than 32 MiB without its compression, or has over 100,000 fares, "
    "or more than the key may send in a minute",
    415: "The body is of no format or compression that is read",
    429: "More fares than the key may send in a minute; the header Retry-After says when to send them again",
    503: "Neither RabbitMQ nor the spool takes fares, or no key can be checked; send them again after Retry-After",
}
NOT_READY: Final = specified(Problem, {503: "Neither RabbitMQ nor the spool takes fares"})

log = structlog.get_logger()


def handlers() -> ExceptionHandlersMap:
    """How each class of errors is answered."""
    return {
        HTTPException: problems.refused,
        UnknownKeyError: _unknown_key,
        RefusedError: _refused,
        UnreadableError: _unreadable,
        LimitReachedError: _limit_reached,
        RequestOverLimitError: _over_limit,
        UnavailableError: _unavailable,
        Exception: problems.unexpected,
    }


def _unknown_key(_: AnyRequest, error: UnknownKeyError) -> Response[Problem]:
    return problem(HTTPStatus.UNAUTHORIZED, str(error), {"WWW-Authenticate": "Bearer"})


def _refused(_: AnyRequest, error: RefusedError) -> Response[Problem]:
    return problem(error.status, str(error))


def _unreadable(_: AnyRequest, error: UnreadableError) -> Response[Problem]:
    return problem(HTTPStatus.BAD_REQUEST, str(error))


def _limit_reached(_: AnyRequest, error: LimitReachedError) -> Response[Problem]:
    return problem(HTTPStatus.TOO_MANY_REQUESTS, str(error), {"Retry-After": str(error.retry_after_s)})


def _over_limit(_: AnyRequest, error: RequestOverLimitError) -> Response[Problem]:
    return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error))


def _unavailable(_: AnyRequest, error: UnavailableError) -> Response[Problem]:
    log.warning("unavailable", server=error.server, error=str(error))
    detail = "what is needed to take fares is away, or has no room; send them again in a moment"
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(RETRY_AFTER_S)})
