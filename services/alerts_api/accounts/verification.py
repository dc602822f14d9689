"""What must be true of a token before anything that it says is believed."""

from base64 import urlsafe_b64decode
from typing import Any, Final, NamedTuple, TypeVar

import jwt
import msgspec
from jwt.types import Options
from msgspec import Struct

from shared.token_keys import LEEWAY

# Those of identity providers are 1 to 4 KB long; to look into a longer one is work that a forger would choose.
_MAX_LENGTH: Final = 8192

_jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})

S = TypeVar("S", bound=Struct)


class InvalidTokenError(Exception):
    """The token is forged, expired, of another kind or made for somebody else; its text says no more than why."""


class Rules(NamedTuple):
    """What one issuer's tokens must say."""

    issuer: str
    audience: str
    algorithms: list[str]
    types: tuple[str | None, ...]
    claims: list[str]

    @property
    def options(self) -> Options:
        """The same as PyJWT takes it."""
        return {"require": self.claims, "strict_aud": True}


class _Header(Struct):
    kid: str


class _Payload(Struct):
    iss: str


def named_key(token: str) -> str:
    """The id of the key that has signed the token by its own account: good for choosing a key, and for nothing else.

    Raises:
        InvalidTokenError: it names none.
    """
    return _unverified(token, 0, _Header).kid


def named_issuer(token: str) -> str:
    """The issuer by the token's own account: good for choosing who verifies it, and for nothing else.

    Raises:
        InvalidTokenError: it names none.
    """
    return _unverified(token, 1, _Payload).iss


def verified_claims(token: str, key: jwt.PyJWK | jwt.algorithms.AllowedPublicKeys, rules: Rules) -> dict[str, Any]:
    """What the token says, once its signature and all the rules hold, by the clock of this machine.

    Raises:
        InvalidTokenError: one of them does not.
    """
    try:
        decoded = _jwt.decode_complete(
            token, key, rules.algorithms, rules.options, audience=rules.audience, issuer=rules.issuer, leeway=LEEWAY
        )
    # RecursionError comes from brackets nested deep.
    except (jwt.PyJWTError, RecursionError, ValueError) as error:
        raise InvalidTokenError(type(error).__name__) from error
    if decoded["header"].get("typ") not in rules.types:
        raise InvalidTokenError("another type of token")
    claims: dict[str, Any] = decoded["payload"]
    return claims


def _unverified(token: str, part: int, shape: type[S]) -> S:
    if len(token) > _MAX_LENGTH:
        raise InvalidTokenError("too long")
    try:
        return msgspec.json.decode(urlsafe_b64decode(token.split(".", 2)[part] + "=="), type=shape)
    except (ValueError, IndexError, RecursionError) as error:
        raise InvalidTokenError(type(error).__name__) from error
