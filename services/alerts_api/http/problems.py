"""Errors as the app sees them: RFC 9457 problem documents, never with a stack, a statement or a secret in them."""

from functools import partial
from http import HTTPStatus
from typing import Literal

import structlog
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap
from msgspec import UNSET, Struct, UnsetType

from services.alerts_api.accounts.issuer_keys import IssuerAwayError
from services.alerts_api.accounts.user_lock import AccountGoneError
from services.alerts_api.alerts.idempotency import KeyReusedError
from services.alerts_api.alerts.reservations import QuotaReachedError
from services.alerts_api.alerts.store import AlertOverError
from services.alerts_api.alerts.stored import UnknownAlertError
from services.alerts_api.alerts.writes import ContendedError
from services.alerts_api.http.etags import StaleError
from services.alerts_api.http.fields import InvalidFieldError
from services.alerts_api.http.parameters import refused
from services.alerts_api.http.readiness import NotReadyError, States
from services.alerts_api.notifications.store import InHandError
from shared.errors import FarelarkError, MapMovedError, UnavailableError
from shared.http import problems
from shared.http.problems import RETRY_AFTER_S, AnyRequest, answer, specified
from shared.http.request_ids import current_request_id

log = structlog.get_logger()


class FieldProblem(Struct, frozen=True):
    """One field, by its path in the body or its name in the query, and what is wrong with it."""

    field: str
    detail: str


Conflict = Literal["urn:farelark:quota", "urn:farelark:key-reused", "urn:farelark:alert-over"]
_CONFLICTS: dict[type[FarelarkError], Conflict] = {
    QuotaReachedError: "urn:farelark:quota",
    KeyReusedError: "urn:farelark:key-reused",
    AlertOverError: "urn:farelark:alert-over",
}


class Problem(problems.Problem, frozen=True):
    """What went wrong in the request of this id.

    `errors` is there when single fields are to blame, `servers` where health is asked for, `type` where the status
    alone would not tell an app what to do.
    """

    errors: list[FieldProblem] | UnsetType = UNSET
    servers: States | UnsetType = UNSET
    type: Conflict | UnsetType = UNSET


ProblemResponse = Response[Problem]


_specified = partial(specified, Problem)

# What any route may answer beside its own, for the OpenAPI document.
PROBLEMS = _specified(
    {
        400: "The request is malformed, or makes no sense",
        401: "There is no valid access token, or the login is wrong",
        503: "A database, or the issuer of the access token, cannot be reached now",
    }
)
# What openapi.py adds to the routes that may answer so.
REFUSED_BODY = _specified(
    {
        413: "The body is larger than 64 KB",
        415: "The body is not JSON by its own account",
    }
)
TOO_MANY = _specified({429: "Too many requests within a minute; the header Retry-After says when to come back"})
NOT_READY = _specified({503: "Accounts, or every shard, is out of reach"})
# And the routes that want a password or give one.
EMAIL_TAKEN = _specified({409: "Somebody is registered under this address"})
WRONG_PASSWORD = _specified({403: "The password is wrong"})
NO_PASSWORD = _specified({409: "The traveller logs in elsewhere and has no password here"})
# And the routes of one thing of which the traveller may have many.
NOT_FOUND = _specified({404: "The traveller has none of this id"})
# And writes that may say what they are to replace.
STALE = _specified({412: "It is no longer as If-Match says"})
# And making an alert.
NOT_MADE = _specified({409: "There are as many alerts as can be, or the Idempotency-Key came with another body"})
# And pausing an alert or resuming it.
OVER = _specified({409: "The alert is over"})


def handlers() -> ExceptionHandlersMap:
    """How each class of errors is answered."""
    return {
        HTTPException: problems.refused,
        ValidationException: _invalid_parameters,
        InvalidFieldError: _invalid_field,
        UnknownAlertError: _unknown_alert,
        AlertOverError: _conflict,
        QuotaReachedError: _conflict,
        KeyReusedError: _conflict,
        AccountGoneError: _account_gone,
        StaleError: _stale,
        InHandError: _in_hand,
        NotReadyError: _not_ready,
        UnavailableError: _unavailable,
        IssuerAwayError: _issuer_away,
        MapMovedError: _contended,
        ContendedError: _contended,
        Exception: problems.unexpected,
    }


def _problem(
    status: int,
    detail: str,
    errors: list[FieldProblem] | UnsetType = UNSET,
    headers: dict[str, str] | None = None,
    servers: States | UnsetType = UNSET,
    conflict: Conflict | UnsetType = UNSET,
) -> ProblemResponse:
    told = Problem(HTTPStatus(status).phrase, status, detail, current_request_id(), errors, servers, conflict)
    return answer(told, headers)


def _invalid_parameters(request: AnyRequest, error: ValidationException) -> ProblemResponse:
    """Parameters, and an empty body, are Litestar's to refuse."""
    errors = [FieldProblem(name, detail) for name, detail in refused(error, request.route_handler)]
    return _problem(error.status_code, "a part of the request is missing or invalid", errors)


def _invalid_field(_: AnyRequest, error: InvalidFieldError) -> ProblemResponse:
    problem = FieldProblem(error.field, error.detail)
    return _problem(HTTPStatus.BAD_REQUEST, str(error), [problem])


def _unavailable(_: AnyRequest, error: UnavailableError) -> ProblemResponse:
    log.warning("unavailable", server=error.server, error=str(error))
    return _try_again("a database cannot be reached; try again in a moment")


def _issuer_away(_: AnyRequest, error: IssuerAwayError) -> ProblemResponse:
    log.warning("issuer_away", error=str(error))
    return _try_again("the issuer of the access token cannot be reached; try again in a moment")


def _contended(_: AnyRequest, error: MapMovedError | ContendedError) -> ProblemResponse:
    log.warning("contended", error=str(error))
    return _try_again("what this is about is being written or moved by somebody else; try again in a moment")


def _in_hand(_: AnyRequest, error: InHandError) -> ProblemResponse:
    return _try_again(f"{error}; try again in a moment")


def _not_ready(_: AnyRequest, error: NotReadyError) -> ProblemResponse:
    return _try_again(str(error), error.servers)


def _try_again(detail: str, servers: States | UnsetType = UNSET) -> ProblemResponse:
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=headers, servers=servers)


def _unknown_alert(_: AnyRequest, error: UnknownAlertError) -> ProblemResponse:
    return _problem(HTTPStatus.NOT_FOUND, str(error))


def _conflict(_: AnyRequest, error: AlertOverError | QuotaReachedError | KeyReusedError) -> ProblemResponse:
    return _problem(HTTPStatus.CONFLICT, str(error), conflict=_CONFLICTS[type(error)])


def _account_gone(_: AnyRequest, error: AccountGoneError) -> ProblemResponse:
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return _problem(HTTPStatus.UNAUTHORIZED, str(error), headers=challenge)


def _stale(_: AnyRequest, error: StaleError) -> ProblemResponse:
    return _problem(HTTPStatus.PRECONDITION_FAILED, str(error))
