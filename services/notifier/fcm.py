"""Firebase Cloud Messaging through firebase-admin.

Its async sender does one HTTP request a message and repeats 500 and 503 by itself for a few seconds. Known
limits of this first transport: it ignores Retry-After, keeps no rate limit, and after a 401 fetches a new
access token with blocking I/O on the event loop.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path

import firebase_admin
from firebase_admin import credentials, messaging
from firebase_admin.exceptions import FirebaseError
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request

from services.notifier.fcm_answers import UNKNOWN_OUTCOME, outcome_of
from services.notifier.fcm_message import to_message
from services.notifier.gateway import Outcome, Push
from shared.errors import ConfigurationError, UnavailableError

# firebase-admin takes no more in one call.
MESSAGES_PER_CALL = 500
# Five hundred messages share a hundred streams: the last of them wait for their turn within this time.
HTTP_TIMEOUT_S = 20
TOKEN_TIMEOUT_S = 10

# At their chattier levels these write a line a request, some of them with device and access tokens in it.
TALKATIVE = ("httpx", "httpcore", "hpack", "urllib3", "google.auth", "firebase_admin")


class FirebaseGateway:
    """Sends pushes to FCM.

    Args:
        credentials_file: a service account's key as Google's console gives it.
        clock: tells the instant in UTC.
        endpoint: base URL of a stand-in for fcm.googleapis.com, for tests and benchmarks.

    Raises:
        ConfigurationError: the file is missing or no service account's key.
    """

    def __init__(self, credentials_file: Path, clock: Callable[[], datetime], endpoint: str | None = None) -> None:
        for library in TALKATIVE:
            logging.getLogger(library).setLevel(logging.WARNING)
        self._clock = clock
        self._app = _open_app(credentials_file)
        self._credential = self._app.credential.get_credential()
        # The service behind the module's functions has no public name; it knows the URL and the connections.
        self._service = messaging._get_messaging_service(self._app)  # noqa: SLF001  # see above
        if endpoint:
            url = f"{endpoint}/v1/projects/{self._app.project_id}/messages:send"
            self._service._fcm_url = url  # noqa: SLF001  # see above

    async def send(self, pushes: Sequence[Push]) -> Sequence[Outcome]:
        """Send each push as one message.

        Raises:
            UnavailableError: no access token is to be had; nothing was sent.
        """
        await self._renew_access_token()
        calls = [pushes[i : i + MESSAGES_PER_CALL] for i in range(0, len(pushes), MESSAGES_PER_CALL)]
        return list(chain.from_iterable([await self._call(call) for call in calls]))

    async def _renew_access_token(self) -> None:
        """Renew the token here, in a thread, before firebase-admin would do it on the event loop."""
        if self._credential.valid:
            return
        try:
            await asyncio.to_thread(self._credential.refresh, partial(Request(), timeout=TOKEN_TIMEOUT_S))
        except GoogleAuthError as error:
            raise UnavailableError("fcm_access_token", type(error).__name__) from error

    async def _call(self, pushes: Sequence[Push]) -> Sequence[Outcome]:
        now = self._clock()
        messages = [to_message(push, now) for push in pushes]
        try:
            batch = await messaging.send_each_async(messages, dry_run=False, app=self._app)
        except FirebaseError:
            # One answer that firebase-admin could not digest hides all the others.
            return [UNKNOWN_OUTCOME] * len(pushes)
        return [outcome_of(response) for response in batch.responses]

    async def close(self) -> None:
        """Close the connections and forget the app."""
        await self._service._async_client.aclose()  # noqa: SLF001  # delete_app would run a second event loop for it
        await asyncio.to_thread(firebase_admin.delete_app, self._app)


def _open_app(credentials_file: Path) -> firebase_admin.App:
    try:
        key = credentials.Certificate(str(credentials_file))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"FIREBASE_CREDENTIALS={credentials_file} is no service account's key: {type(error).__name__}"
        ) from error
    if not key.project_id:
        raise ConfigurationError(f"FIREBASE_CREDENTIALS={credentials_file} lacks the project_id")
    return firebase_admin.initialize_app(key, {"httpTimeout": HTTP_TIMEOUT_S}, name="notifier")
