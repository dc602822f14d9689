"""Requests over HTTP, on one session for all sources."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from services.ingest_gateway.sources.source import Request
from shared.errors import UnavailableError

_TIMEOUT: Final = aiohttp.ClientTimeout(total=90, sock_connect=5, sock_read=60)  # an airline search takes half a minute
_MOST_BYTES: Final = 64 * 1024 * 1024  # of a body once it is inflated
_PIECE: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the headers by their names in small letters, the body inflated."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def succeeded(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004  # HTTP's


@asynccontextmanager
async def open_session(timeout: aiohttp.ClientTimeout = _TIMEOUT) -> AsyncIterator[aiohttp.ClientSession]:  # noqa: ASYNC109  # of requests
    """A session that keeps no cookies."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout) as session:
        yield session


class Transport:
    """Sends one source's requests.

    Args:
        session: shared with other sources.
        source: its name, in errors.
        base_url: what the paths of requests follow.
    """

    def __init__(self, session: aiohttp.ClientSession, source: str, base_url: str) -> None:
        self._session = session
        self._source = source
        self._base_url = base_url.rstrip("/")

    async def send(self, request: Request, token: str | None) -> Answer:
        """Send a request, with a token if there is one. Redirects are not followed: they would take it elsewhere.

        Raises:
            UnavailableError: no answer, or not a whole one.
        """
        url = URL(self._base_url + request.path).update_query(request.query)
        headers = dict(request.headers) | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            async with self._session.request(
                request.method, url, data=request.body, headers=headers, allow_redirects=False
            ) as response:
                names = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, names, await self._body(response))
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise UnavailableError(self._source, type(error).__name__) from error

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """Read it piece by piece, so that a few compressed bytes cannot claim the memory."""
        body = bytearray()
        async for piece in response.content.iter_chunked(_PIECE):
            body += piece
            if len(body) > _MOST_BYTES:
                raise UnavailableError(self._source, f"its answer has more than {_MOST_BYTES} bytes")
        return bytes(body)
