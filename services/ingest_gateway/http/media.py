"""What a body is by its own account: its format, and how it is compressed. Pure."""

from enum import StrEnum
from functools import lru_cache
from typing import Final

from services.ingest_gateway.http.refusals import UnsupportedError


class Format(StrEnum):
    """How the fares of a body are written, by content type."""

    JSON = "application/json"
    NDJSON = "application/x-ndjson"
    ARROW = "application/vnd.apache.arrow.stream"


class Coding(StrEnum):
    """How a body is compressed, by content encoding; the names are Arrow's too."""

    NONE = "identity"
    GZIP = "gzip"
    ZSTD = "zstd"


_KNOWN: Final = 64  # what producers send is always the same


@lru_cache(_KNOWN)
def format_of(content_type: bytes) -> Format:
    """The format that a header names.

    Raises:
        UnsupportedError: it is none that we read, or not in UTF-8.
    """
    media_type, _, parameters = content_type.decode("latin-1").lower().partition(";")
    charset = dict(part.strip().partition("=")[::2] for part in parameters.split(";")).get("charset", "utf-8")
    if media_type.strip() not in list(Format) or charset.strip('"') != "utf-8":
        raise UnsupportedError(f"send the body in UTF-8 as {', '.join(Format)}")
    return Format(media_type.strip())


@lru_cache(_KNOWN)
def coding_of(content_encoding: bytes) -> Coding:
    """The coding that a header names, `identity` where there is none.

    Raises:
        UnsupportedError: it is none that we undo, or several.
    """
    coding = content_encoding.decode("latin-1").strip().lower() or Coding.NONE
    if coding not in list(Coding):
        raise UnsupportedError(f"send the body as it is or with one Content-Encoding of {Coding.GZIP}, {Coding.ZSTD}")
    return Coding(coding)
