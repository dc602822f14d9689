"""The access token that FCM wants with every push, renewed before it expires and never on the event loop.

google-auth gets it with blocking requests, so a thread of our own does that. It is a daemon, unlike those of the loop's
executor: a token endpoint that hangs must not keep the process from ending.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import structlog
from google.auth.credentials import Credentials, TokenState
from google.auth.transport.requests import Request

from shared.errors import UnavailableError

SERVER: Final = "fcm_access_token"
_TIMEOUT_S: Final = 10.0
# While the old token still holds, a failing endpoint is not asked more often.
_PAUSE_S: Final = 10.0

log = structlog.get_logger()


class AccessToken:
    """The token of a service account.

    Args:
        credentials: google-auth's; they say when a token is about to expire.
        clock: tells seconds that only grow.
    """

    def __init__(self, credentials: Credentials, clock: Callable[[], float] = time.monotonic) -> None:
        self._credentials = credentials
        self._clock = clock
        self._renewal: asyncio.Future[None] | None = None
        self._no_renewal_before = 0.0

    async def get(self) -> str:
        """Return a token that holds; a few minutes before its end the next one is got meanwhile.

        Raises:
            UnavailableError: none is to be had.
        """
        state = self._credentials.token_state
        if state is TokenState.INVALID:
            await self._wait_for_renewal()
        elif state is TokenState.STALE and self._clock() >= self._no_renewal_before:
            self._renew()
        return str(self._credentials.token)

    def reject(self, token: str) -> None:
        """Never return this token again: FCM does not know it."""
        if self._credentials.token == token:
            self._credentials.token = None

    async def _wait_for_renewal(self) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await asyncio.shield(self._renew())  # others wait for it too
        except Exception as error:
            raise UnavailableError(SERVER, type(error).__name__) from error

    def _renew(self) -> asyncio.Future[None]:
        """Begin to get a new token, unless that is under way."""
        if self._renewal is None or self._renewal.done():
            self._no_renewal_before = self._clock() + _PAUSE_S
            refresh = partial(self._credentials.refresh, partial(Request(), timeout=_TIMEOUT_S))
            self._renewal = _in_daemon_thread(refresh)
            self._renewal.add_done_callback(_log_failure)
        return self._renewal


def _in_daemon_thread(work: Callable[[], None]) -> asyncio.Future[None]:
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def end(error: Exception | None) -> None:
        if not ended.done():
            ended.set_exception(error) if error else ended.set_result(None)

    def run() -> None:
        error = None
        try:
            work()
        except Exception as raised:  # noqa: BLE001  # it is raised where somebody waits
            error = raised
        with suppress(RuntimeError):  # the loop has ended before
            loop.call_soon_threadsafe(end, error)

    threading.Thread(target=run, name=SERVER, daemon=True).start()
    return ended


def _log_failure(renewal: asyncio.Future[None]) -> None:
    """Tell of a failure even where nobody waits, by its kind only: its text holds what the endpoint said."""
    if not renewal.cancelled() and (error := renewal.exception()):
        log.warning("no_access_token", error=type(error).__name__)
