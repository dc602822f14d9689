"""Access tokens: JWTs after RFC 9068, signed with Ed25519, checked against everything that a forger would try."""

import json
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import OKPAlgorithm

from shared.errors import ConfigurationError

ISSUER = "farelark"
AUDIENCE = "farelark-alerts-api"
LIFETIME = timedelta(minutes=15)
# Between the clocks of the servers behind one load balancer.
LEEWAY = timedelta(seconds=30)

_ALGORITHM = "EdDSA"
_TYPE = "at+jwt"
_CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti"]


class InvalidTokenError(Exception):
    """The token is not one of ours, or no longer valid."""


class AccessTokens:
    """Issues and verifies access tokens with one key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public_key = key.public_key()
        self._key_id = key_id(self._public_key)
        self._jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})

    @classmethod
    def from_pem(cls, pem: bytes) -> "AccessTokens":
        """Read the key from its PEM.

        Raises:
            ConfigurationError: this is no Ed25519 private key.
        """
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"the token key is no readable PEM: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigurationError("the token key is no Ed25519 private key")
        return cls(key)

    def issue(self, user_id: UUID, now: datetime) -> str:
        """Make a token that is valid from now on for `LIFETIME`."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "iat": now,
            "exp": now + LIFETIME,
            "jti": str(uuid4()),
        }
        headers = {"typ": _TYPE, "kid": self._key_id}
        return self._jwt.encode(claims, self._key, algorithm=_ALGORITHM, headers=headers)

    def verify(self, token: str) -> UUID:
        """Tell whose token this is.

        Raises:
            InvalidTokenError: it is forged, expired, of another kind or made for someone else.
        """
        try:
            return UUID(self._decode(token)["sub"])
        # Besides PyJWT's own error: RecursionError from brackets nested deep, ValueError from a `sub` of no user.
        except (jwt.InvalidTokenError, RecursionError, ValueError) as error:
            raise InvalidTokenError(type(error).__name__) from error

    def _decode(self, token: str) -> dict[str, Any]:
        decoded = self._jwt.decode_complete(
            token,
            self._public_key,
            algorithms=[_ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=LEEWAY,
            options={"require": _CLAIMS, "strict_aud": True},
        )
        if (decoded["header"].get("typ"), decoded["header"].get("kid")) != (_TYPE, self._key_id):
            raise jwt.InvalidTokenError("another type of token, or another key")
        claims: dict[str, Any] = decoded["payload"]
        return claims


def key_id(key: Ed25519PublicKey) -> str:
    """The key's thumbprint after RFC 7638."""
    members = OKPAlgorithm.to_jwk(key, as_dict=True)
    document = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(sha256(document.encode()).digest()).rstrip(b"=").decode()
