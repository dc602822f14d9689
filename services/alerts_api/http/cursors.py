"""Cursors: where a page of a list ended, for the traveller and the list that it was given to. Pure.

They hold a checksum keyed with both, so that a foreign, cut or altered one is refused. It is no secret: what a
cursor could be forged to reach is its traveller's own.
"""

from base64 import b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import TypeVar
from uuid import UUID

import msgspec

from services.alerts_api.http.fields import InvalidFieldError

PositionT = TypeVar("PositionT", bound=msgspec.Struct)

_CHECKSUM_BYTES = 9


def cursor_at(user_id: UUID, position: msgspec.Struct) -> str:
    """The cursor that leads on from a position; each list has a type of its own for them."""
    content = msgspec.msgpack.encode(position)
    checksum = blake2b(
        content, digest_size=_CHECKSUM_BYTES, key=user_id.bytes, person=type(position).__name__.encode()[:16]
    )
    return urlsafe_b64encode(checksum.digest() + content).rstrip(b"=").decode()


def position_at(user_id: UUID, cursor: str, kind: type[PositionT]) -> PositionT:
    """The position that a cursor leads on from.

    Raises:
        InvalidFieldError: this list has never given it to this user.
    """
    try:
        sealed = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = msgspec.msgpack.decode(sealed[_CHECKSUM_BYTES:], type=kind)
    except (ValueError, msgspec.DecodeError) as error:
        raise _unknown() from error
    if cursor_at(user_id, position) != cursor:
        raise _unknown()
    return position


def _unknown() -> InvalidFieldError:
    return InvalidFieldError("cursor", "is none that this list has given you: leave it out to begin anew")
