"""The public keys of another issuer: fetched when they are needed, kept when it cannot be reached."""

import asyncio
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any, Final, Literal

import httpx
import jwt
import msgspec
import structlog
from msgspec import Struct

from shared.errors import FarelarkError

_TIMEOUT_S: Final = 2.0
_MAX_BYTES: Final = 64 * 1024
# Whoever sends tokens of invented keys must not make us ask the issuer each time.
_ASK_EVERY_S: Final = 10.0
# A key that the issuer has withdrawn is believed for so long at most, while the issuer can be reached.
_KEEP_S: Final = 3600.0
# An uncompressed answer: a small one could grow without bounds.
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}

ALGORITHMS: Final = {"RSA": "RS256", "EC": "ES256"}

log = structlog.get_logger()


class IssuerAwayError(FarelarkError):
    """A key is not known, and the issuer could not be asked for it."""


class IssuerKeys:
    """The keys at a JWKS URL."""

    def __init__(self, url: str, client: httpx.AsyncClient, clock: Callable[[], float] = monotonic) -> None:
        self._url = url
        self._client = client
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at = self._answered_at = -inf
        self._asking: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id, None if the issuer has none. Only for an unknown key does it wait for the issuer.

        Raises:
            IssuerAwayError: the key is not known, and the issuer could not be asked.
        """
        if key_id not in self._keys or self._clock() - self._answered_at >= _KEEP_S:
            self._ask()
        if key_id not in self._keys and self._asking:
            await asyncio.shield(self._asking)  # others wait for the same answer
        if key_id not in self._keys and self._answered_at < self._asked_at:
            raise IssuerAwayError("the keys at OIDC_JWKS_URL could not be read")
        return self._keys.get(key_id)

    async def close(self) -> None:
        """Stop asking."""
        if self._asking:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await self._client.aclose()

    def _ask(self) -> None:
        if self._clock() - self._asked_at >= _ASK_EVERY_S:
            self._asked_at = self._clock()
            self._asking = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        """Replace the keys by those that the issuer has now, or leave them as they are if it does not say."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                self._keys = read_keys(await self._download())
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            log.warning("issuer_keys_not_read", error=type(error).__name__)
        else:
            self._answered_at = self._clock()

    async def _download(self) -> bytes:
        """The body at the URL; a redirection is an error like any other."""
        body = b""
        async with self._client.stream("GET", self._url, headers=_HEADERS, follow_redirects=False) as answer:
            answer.raise_for_status()
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise ValueError("too long for a JWKS")
        return body


class _KeySet(Struct):
    keys: list[Any]


class _KeyMembers(Struct):
    """What a key must have to be of use here; a missing `use` or `alg` leaves it open."""

    kid: str
    kty: Literal["RSA", "EC"]
    use: Literal["sig"] = "sig"
    alg: Literal["RS256", "ES256"] | None = None


def read_keys(document: bytes) -> dict[str, jwt.PyJWK]:
    """The keys of a JWKS that verify RS256 or ES256, by their ids; others are left out.

    Raises:
        ValueError: this is no JWKS, or has no such key.
    """
    found = (_read_key(members) for members in msgspec.json.decode(document, type=_KeySet).keys)
    keys = {key.key_id: key for key in found if key and key.key_id}
    if not keys:
        raise ValueError("no key for RS256 or ES256")
    return keys


def _read_key(members: dict[str, Any]) -> jwt.PyJWK | None:
    try:
        kind = msgspec.convert(members, _KeyMembers)
        return jwt.PyJWK(members, ALGORITHMS[kind.kty])
    except (msgspec.ValidationError, jwt.PyJWTError):
        return None
