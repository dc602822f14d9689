"""Who may vouch for a traveller: we ourselves and, where one is configured, an OpenID provider."""

from typing import Final, Self
from uuid import UUID

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.accounts.identities import Identities
from services.alerts_api.accounts.issuer_keys import ALGORITHMS, IssuerKeys
from services.alerts_api.accounts.settings import Oidc
from services.alerts_api.accounts.tokens import AccessTokens
from services.alerts_api.accounts.verification import (
    InvalidTokenError,
    Rules,
    named_issuer,
    named_key,
    verified_claims,
)

_CLAIMS: Final = ["iss", "aud", "sub", "iat", "exp"]
# Providers call their tokens so, or do not say.
_TYPES: Final = ("JWT", None)
# OpenID Connect's limit, in ASCII.
_MAX_SUBJECT: Final = 255


class OpenIdProvider:
    """Another issuer, whose subjects are users of ours."""

    def __init__(self, oidc: Oidc, keys: IssuerKeys, identities: Identities) -> None:
        self.issuer = oidc.issuer
        self._rules = Rules(oidc.issuer, oidc.audience, list(ALGORITHMS.values()), _TYPES, _CLAIMS)
        self._keys = keys
        self._identities = identities

    @classmethod
    def at(cls, oidc: Oidc, accounts: AsyncEngine) -> Self:
        """Make what it takes; nothing connects before the first token comes."""
        keys = IssuerKeys(oidc.jwks_url, httpx.AsyncClient())
        return cls(oidc, keys, Identities(accounts, oidc.issuer))

    async def user_of(self, token: str) -> UUID:
        """The user whom the token stands for.

        Raises:
            InvalidTokenError: it is not one of theirs, no longer valid, or its user is being deleted.
            IssuerAwayError: its key is not known, and cannot be asked for now.
            UnavailableError: the accounts database is away.
        """
        if (key := await self._keys.find(named_key(token))) is None:
            raise InvalidTokenError("unknown key")
        subject = verified_claims(token, key, self._rules)["sub"]
        if not (0 < len(subject) <= _MAX_SUBJECT and subject.isascii() and subject.isprintable()):
            raise InvalidTokenError("no subject that a user could have")
        if (user_id := await self._identities.user_of(subject)) is None:
            raise InvalidTokenError("the user is being deleted")
        return user_id

    async def close(self) -> None:
        """Close the connections to the provider."""
        await self._keys.close()


class Issuers:
    """All whose tokens are believed."""

    def __init__(self, ours: AccessTokens, provider: OpenIdProvider | None) -> None:
        self._ours = ours
        self._provider = provider

    async def user_of(self, token: str) -> UUID:
        """The user whom the token stands for; raises what the provider does."""
        if self._provider and named_issuer(token) == self._provider.issuer:
            return await self._provider.user_of(token)
        return self._ours.verify(token)

    async def close(self) -> None:
        """Close the connections to the provider."""
        if self._provider:
            await self._provider.close()
