"""Reads a request's body off the wire, within bounds of size and time."""

import asyncio
from typing import Final, cast

from litestar.types import HTTPReceiveMessage, Receive

from services.ingest_gateway.http.memory import Share
from services.ingest_gateway.http.refusals import RefusedError, TooLargeError, TooSlowError

MOST_BYTES: Final = 16 * 1024 * 1024
# Enough for the largest body at 5 Mbit/s; whoever sends a byte now and then is not waited for.
DEADLINE_S: Final = 30.0


async def receive_body(receive: Receive, content_length: bytes, share: Share) -> bytes:
    """Read all of a body.

    Args:
        receive: gives its parts.
        content_length: as the header says, empty where it does not; it may lie.
        share: of the memory for bodies.

    Raises:
        TooLargeError: it is, or would be, larger than `MOST_BYTES`.
        TooSlowError: it takes too long.
        RefusedError: it ended before it was whole.
        UnavailableError: there is no memory for it now.
    """
    if content_length.isdigit() and int(content_length) > MOST_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await _receive(receive, share)
    except TimeoutError:
        raise TooSlowError(f"the body did not come within {DEADLINE_S:.0f} s") from None


async def _receive(receive: Receive, share: Share) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = cast("HTTPReceiveMessage", await receive())
        if message["type"] != "http.request":
            raise RefusedError("the body ended before it was whole")
        part, more = message.get("body", b""), message.get("more_body", False)
        share.take(len(part))
        size += len(part)
        if size > MOST_BYTES:
            raise _too_large()
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large() -> TooLargeError:
    return TooLargeError(f"a body has at most {MOST_BYTES} bytes on the wire; send the fares in several requests")
