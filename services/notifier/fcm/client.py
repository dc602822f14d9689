"""FCM's `messages:send` over pooled HTTP/1.1 connections, with an access token that is fresh."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import aiohttp
from yarl import URL

from services.notifier.fcm.access_token import AccessToken
from services.notifier.fcm.answers import UNAUTHENTICATED, UNKNOWN_OUTCOME, outcome_of
from services.notifier.gateway import Outcome
from shared import metrics

FCM: Final = "https://fcm.googleapis.com"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10, sock_connect=5)


class FcmClient:
    """Takes as many messages at once as it is given; to be made on a running event loop.

    Args:
        project: its id at Firebase.
        token: opens FCM's door.
        clock: tells the instant in UTC.
        endpoint: base URL of FCM, or of a stand-in for it.
    """

    def __init__(self, project: str, token: AccessToken, clock: Callable[[], datetime], endpoint: str) -> None:
        self._url = URL(f"{endpoint}/v1/projects/{project}/messages:send")
        self._token = token
        self._clock = clock
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), timeout=_TIMEOUT
        )

    async def post(self, body: bytes) -> Outcome:
        """Send a message, as JSON, and say what became of it.

        Raises:
            UnavailableError: no access token is to be had; nothing was sent.
        """
        token = await self._token.get()
        outcome = await self._post(body, token)
        if outcome == UNAUTHENTICATED:
            # Tokens can be revoked before their time. All who hold this one get the same new one.
            self._token.reject(token)
            outcome = await self._post(body, await self._token.get())
        return outcome

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _post(self, body: bytes, token: str) -> Outcome:
        started = time.perf_counter()
        with metrics.FCM_IN_FLIGHT.track_inprogress():
            code, outcome = await self._answer(body, token)
        metrics.FCM_SECONDS.observe(time.perf_counter() - started)
        metrics.FCM_ANSWERS.labels(code).inc()
        return outcome

    async def _answer(self, body: bytes, token: str) -> tuple[str, Outcome]:
        """Return what an answer, or its absence, counts as and what it means."""
        try:
            try:
                return await self._exchange(body, token)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if not _hung_up_without_a_word(error):
                    raise
                return await self._exchange(body, token)
        except TimeoutError:
            return "timeout", UNKNOWN_OUTCOME
        except aiohttp.ClientError:
            return "lost", UNKNOWN_OUTCOME

    async def _exchange(self, body: bytes, token: str) -> tuple[str, Outcome]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
            retry_after = response.headers.get("Retry-After")
            outcome = outcome_of(response.status, retry_after, await response.read(), self._clock())
            return str(response.status), outcome


def _hung_up_without_a_word(error: aiohttp.ServerDisconnectedError | aiohttp.ClientOSError) -> bool:
    """Whether that is how the connection ended, as servers do with one that they have kept for long enough.

    The server has hardly read the message then; and if it has, the message replaces its twin.
    """
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)  # else it is the beginning of an answer
    return not isinstance(error, aiohttp.ClientConnectorError)
