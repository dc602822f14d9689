"""What is answered to whom, in the shapes that Google's servers use."""

from collections import defaultdict, deque
from http import HTTPStatus
from typing import Any, Final

import msgspec

_FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST: Final = "type.googleapis.com/google.rpc.BadRequest"


class Answer(msgspec.Struct, frozen=True):
    """An answer to a request.

    Attributes:
        body: a text goes out as HTML, anything else as JSON.
        cut: close the connection instead.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = {}
    cut: bool = False


class Script:
    """The answers that were ordered; without one a message is accepted."""

    def __init__(self) -> None:
        self._for_all: Answer | None = None
        self._for_ever: dict[str, Answer] = {}
        self._next: defaultdict[str, deque[Answer]] = defaultdict(deque)

    def answer_all(self, answer: Answer | None) -> None:
        """Answer this to everybody who has no answer of their own, or accept again."""
        self._for_all = answer

    def answer(self, address: str, answer: Answer, times: int | None) -> None:
        """Answer this to a device's address so many times, after what was ordered before; None is for ever."""
        if times is None:
            self._for_ever[address] = answer
        else:
            self._next[address].extend([answer] * times)

    def take(self, address: str) -> Answer | None:
        """Return what is to be answered now, None if the message is accepted."""
        if ordered := self._next.get(address):
            return ordered.popleft()
        return self._for_ever.get(address, self._for_all)


def accepted(name: str) -> Answer:
    """FCM has taken the message under this name."""
    return Answer(HTTPStatus.OK, {"name": name})


def invalid_argument(field: str, description: str) -> Answer:
    """What is wrong with which field of the request."""
    violations = [{"field": field, "description": description}]
    details: list[dict[str, Any]] = [
        {"@type": _FCM_ERROR, "errorCode": "INVALID_ARGUMENT"},
        {"@type": _BAD_REQUEST, "fieldViolations": violations},
    ]
    return _error(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", description, details)


def unauthenticated() -> Answer:
    """No access token, or one that does not hold."""
    return _error(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", "the request has no valid OAuth 2 access token", [])


def not_found(path: str) -> Answer:
    """Nothing is served there."""
    return _error(HTTPStatus.NOT_FOUND, "NOT_FOUND", f"nothing is served at {path}", [])


def no_grant(error: str, description: str) -> Answer:
    """The token endpoint gives nothing, as RFC 6749 says it."""
    return Answer(HTTPStatus.BAD_REQUEST, {"error": error, "error_description": description})


def _error(status: HTTPStatus, code: str, message: str, details: list[dict[str, Any]]) -> Answer:
    return Answer(status, {"error": {"code": status.value, "status": code, "message": message, "details": details}})
