"""Undoes the compression of a body, piece by piece: a few kilobytes may claim gigabytes. Pure."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from services.ingest_gateway.http.media import Coding
from services.ingest_gateway.http.refusals import TooLargeError
from shared.errors import UnreadableError

MOST_BYTES: Final = 32 * 1024 * 1024
_PIECE_BYTES: Final = 256 * 1024


def inflate(body: bytes, coding: Coding) -> bytes:
    """The body as it was before it was compressed.

    Raises:
        UnreadableError: it is not what its coding says, or was cut short.
        TooLargeError: there is more in it than `MOST_BYTES`.
    """
    try:
        return b"".join(_pieces(body, coding))
    except (pa.ArrowException, OSError) as error:
        raise UnreadableError(f"{coding}_malformed", str(error)[:200]) from error


def _pieces(body: bytes, coding: Coding) -> Iterator[bytes]:
    size = 0
    with pa.CompressedInputStream(pa.BufferReader(body), coding.value) as stream:
        while piece := stream.read(_PIECE_BYTES):
            size += len(piece)
            if size > MOST_BYTES:
                raise TooLargeError(f"a body has at most {MOST_BYTES} bytes when its compression is undone")
            yield piece
