"""Our own access tokens: JWTs after RFC 9068, signed with Ed25519."""

from datetime import datetime
from functools import lru_cache
from time import time
from typing import Final
from uuid import UUID, uuid4

import jwt

from services.alerts_api.accounts.keys import TokenKeys
from services.alerts_api.accounts.verification import InvalidTokenError, Rules, named_key, verified_claims
from shared.token_keys import LEEWAY, TOKEN_LIFETIME

ISSUER: Final = "farelark"
AUDIENCE: Final = "farelark-alerts-api"
ALGORITHM: Final = "EdDSA"

_TYPE: Final = "at+jwt"
_MOST_REMEMBERED: Final = 10_000
_RULES: Final = Rules(ISSUER, AUDIENCE, [ALGORITHM], (_TYPE,), ["iss", "aud", "sub", "iat", "exp", "jti"])


class AccessTokens:
    """Issues and verifies access tokens."""

    def __init__(self, keys: TokenKeys) -> None:
        self._keys = keys
        # A signature takes longer to verify than all else about a request, and an app sends the same token for minutes.
        self._read = lru_cache(maxsize=_MOST_REMEMBERED)(self._verify)

    def issue(self, user_id: UUID, now: datetime) -> str:
        """Make a token that is valid from now on for `TOKEN_LIFETIME`."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "iat": now,
            "exp": now + TOKEN_LIFETIME,
            "jti": str(uuid4()),
        }
        key = self._keys.signing
        headers = {"typ": _TYPE, "kid": key.id}
        return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers=headers)

    def verify(self, token: str) -> UUID:
        """Tell whose token this is.

        Raises:
            InvalidTokenError: it is not one of ours, or no longer valid.
        """
        key_id = named_key(token)
        if key_id not in self._keys.verifying:
            raise InvalidTokenError("unknown key")
        user_id, expires_at = self._read(token, key_id)
        if time() > expires_at + LEEWAY.total_seconds():
            raise InvalidTokenError("expired since it was verified")
        return user_id

    def _verify(self, token: str, key_id: str) -> tuple[UUID, float]:
        claims = verified_claims(token, self._keys.verifying[key_id].public, _RULES)
        try:
            return UUID(claims["sub"]), claims["exp"]
        except ValueError as error:
            raise InvalidTokenError("the subject is no user") from error
