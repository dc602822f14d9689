"""Refresh tokens: each is good once and leads to the next, and what is to be done with one that is shown. Pure."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from datetime import timedelta
from enum import Enum, auto
from hashlib import sha256
from typing import Final
from uuid import UUID

# An app whose answer was lost on the way may ask once more under the same Idempotency-Key.
REPEATABLE: Final = timedelta(seconds=60)
# Two parts of one app that refresh at once are no theft.
RACE: Final = timedelta(seconds=10)

_BYTES: Final = 32


class Verdict(Enum):
    """What to do with a token of a session that goes on."""

    ROTATE = auto()  # give its successor, from now on the good one
    REPEAT = auto()  # give the same successor once more
    REFUSE = auto()
    REVOKE = auto()  # it was stolen, from the app or by it: nobody may go on


def judge(since_use: timedelta | None, successor_waits: bool) -> Verdict:
    """Decide on a token.

    Args:
        since_use: how long ago it was used; None if it never was.
        successor_waits: the successor that this request would lead to is there, and was not used.
    """
    if since_use is None:
        return Verdict.ROTATE
    if successor_waits and since_use <= REPEATABLE:
        return Verdict.REPEAT
    return Verdict.REFUSE if since_use <= RACE else Verdict.REVOKE


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(_BYTES)


def successor(token: str, session_id: UUID, key: str | None) -> str:
    """The token that comes after this one: for the same Idempotency-Key the same, without one any.

    It takes the token to make it, so what the server keeps will not do. The session's id is known to the server
    alone: whoever has the token and guesses the key cannot work out those that came after.
    """
    if key is None:
        return new_token()
    digest = hmac.digest(token.encode(), b"farelark refresh " + session_id.bytes + key.encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def token_hash(token: str) -> bytes:
    """What is kept of a token. It needs no salt and no slow hash, having 256 random bits."""
    return sha256(token.encode()).digest()
