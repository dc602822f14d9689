"""What the answers of travel APIs have in common: JSON, pages, and what a status asks for. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec

from services.ingest_gateway.sources.source import Refusal, Request, Skip, Stop, Token, TryAgain
from shared.errors import UnreadableError

T = TypeVar("T")

_WORD_ENDS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+")
_LONGEST_REASON: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPage(Request):
    """What follows a page: its offers were found by the same search.

    One flight may be offered on several pages, dearer with more luggage. Seen at one instant, the cheapest counts; seen
    one after the other, the last would.
    """

    searched_at: datetime


class NoLogin:
    """Every request carries its credentials itself, or needs none."""

    def login(self) -> None:
        """Nothing to send."""

    def token(self, body: bytes) -> Token:
        """There is never an answer to a login."""
        raise UnreadableError("no_login", f"{len(body)} bytes in answer to a login that there is not")


def searched_at(request: Request, arrived_at: datetime) -> datetime:
    """When the offers in an answer to this request were seen."""
    return request.searched_at if isinstance(request, NextPage) else arrived_at


def read_answer(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Read the body of an answer.

    Raises:
        UnreadableError: it is of another shape.
    """
    try:
        body.decode()
        return decoder.decode(body)
    except UnicodeDecodeError as error:
        raise UnreadableError("not_utf8", str(error)) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableError("answer_malformed", str(error)) from error


def read_error(decoder: msgspec.json.Decoder[T], body: bytes) -> T | None:
    """Read the body of a refusal, which may be anything: None where it is of another shape."""
    try:
        return read_answer(decoder, body)
    except UnreadableError:
        return None


def refusal_by_status(status: int, said: str = "") -> Refusal:
    """What nearly every API means by a status.

    Args:
        status: of an answer that is no 2xx, or of a 2xx that cannot be read.
        said: a fixed phrase of the API for this error, never a free text.
    """
    reason = reason_of(said) or reason_of(_phrase(status))
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return TryAgain("answer_unreadable")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TryAgain(reason)
    if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}:
        return TryAgain(reason)
    if status < HTTPStatus.BAD_REQUEST or status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Stop(reason)
    return Skip(reason)


def reason_of(phrase: str) -> str:
    """A phrase as a reason: `INVALID FORMAT` and `InvalidFormat` are `invalid_format`."""
    return _WORD_ENDS.sub("_", phrase[:_LONGEST_REASON]).strip("_").lower()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"http_{status}"
