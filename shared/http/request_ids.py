"""The id of a request: in its answer, in every line that is logged meanwhile, and in a problem document."""

import re
from collections.abc import Iterable
from random import getrandbits
from typing import Final

from structlog.contextvars import bind_contextvars, get_contextvars

HEADER: Final = b"x-request-id"
_NAME: Final = "request_id"
_BITS: Final = 128
# What nobody could mistake for more than an id, wherever it is shown.
_WELL_FORMED: Final = re.compile(rb"[A-Za-z0-9._~-]{1,64}")


def begin_request(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Take the id that came with the request, or make one; from now on it is the current one."""
    given = next((value for name, value in headers if name == HEADER), b"")
    request_id = given if _WELL_FORMED.fullmatch(given) else _made()
    bind_contextvars(**{_NAME: request_id.decode()})
    return request_id


def _made() -> bytes:
    """An id that no other request has; anybody may guess it, so it need not cost what a secret does."""
    return b"%032x" % getrandbits(_BITS)


def current_request_id() -> str:
    """The id of the request that is being answered."""
    return str(get_contextvars()[_NAME])
