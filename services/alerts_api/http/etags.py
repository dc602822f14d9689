"""Entity tags after RFC 9110: a write that names one goes through only if nobody else has written since."""

from hashlib import blake2b
from typing import Annotated

from litestar.params import HeaderParameter

from shared.errors import FarelarkError

IfMatch = Annotated[
    str | None, HeaderParameter(name="If-Match", description="write only if this is still the ETag of what is there")
]
IfNoneMatch = Annotated[
    str | None, HeaderParameter(name="If-None-Match", description="give it only if this is no longer its ETag")
]

_DIGEST_BYTES = 16


class StaleError(FarelarkError):
    """What is to be written is no longer as the request's If-Match says."""


def etag_of(*parts: object) -> str:
    """The strong tag of what these parts, as text, make up; with its quotes, as headers carry it."""
    text = "\0".join(map(str, parts))
    return f'"{blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()}"'


def matches(header: str, etag: str) -> bool:
    """Whether an If-Match header names the tag, alone, in a list, or by `*`; weak tags never match."""
    return header.strip() == "*" or etag in {tag.strip() for tag in header.split(",")}


def require(header: str | None, etag: str) -> None:
    """Let a write through whose If-Match names the tag, or that has none.

    Raises:
        StaleError: it names others only.
    """
    if header is not None and not matches(header, etag):
        raise StaleError("it has been written meanwhile: read it again, and send the ETag that comes with it")


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names the tag, a weak one too: a proxy that compresses makes tags weak."""
    return if_none_match is not None and matches(if_none_match.replace('W/"', '"'), etag)
