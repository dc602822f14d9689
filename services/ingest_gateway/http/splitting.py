"""The single documents of a JSON body, each yet to be read. Pure."""

import re
from collections.abc import Sequence
from itertools import islice
from typing import Final

import msgspec

from services.ingest_gateway.http.media import Format
from services.ingest_gateway.http.refusals import TooLargeError
from shared.errors import UnreadableError
from shared.messages.documents import split

MOST_FARES: Final = 100_000
# An array of zeros would have millions of elements before anybody could count them; a fare has 13 values.
_MOST_COMMAS: Final = 20 * MOST_FARES
_LINE: Final = re.compile(rb"\S[^\n]*")
_BLANKS: Final = b" \t\r\n"


def documents_in(body: bytes, form: Format) -> Sequence[msgspec.Raw]:
    """The documents of a JSON object, a JSON array, or of lines with one each; blank lines count for nothing.

    Raises:
        UnreadableError: the body is not UTF-8, no JSON as a whole, or has no document.
        TooLargeError: it has more than `MOST_FARES`.
    """
    documents = _lines(body) if form is Format.NDJSON else _elements(body)
    check_count(len(documents))
    return documents


def check_count(fares: int) -> None:
    """Refuse a body that has no fares, or too many."""
    if not fares:
        raise UnreadableError("no_fares", "there is not one in the body")
    if fares > MOST_FARES:
        raise TooLargeError(f"a request holds at most {MOST_FARES} fares; send them in several requests")


def _lines(body: bytes) -> list[msgspec.Raw]:
    _check_utf8(body)
    return [msgspec.Raw(line[0]) for line in islice(_LINE.finditer(body), MOST_FARES + 1)]


def _elements(body: bytes) -> list[msgspec.Raw]:
    if body.lstrip(_BLANKS)[:1] == b"{":
        return [_only(body)]
    if body.count(b",") > _MOST_COMMAS:
        raise TooLargeError(f"an array has at most {_MOST_COMMAS} commas; send the fares in several requests")
    return split(body)


def _only(body: bytes) -> msgspec.Raw:
    _check_utf8(body)
    try:
        return msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableError("json_malformed", str(error)) from error


def _check_utf8(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError("not_utf8", str(error)) from error
