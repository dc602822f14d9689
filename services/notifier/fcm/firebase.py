"""Firebase Cloud Messaging: firebase-admin's credentials, message model and encoder over a transport of our own.

firebase-admin's own sender gets access tokens on the event loop, ignores Retry-After, repeats by itself without
jitter, and is several times as slow, as `farelark bench notify` shows.
"""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog
from firebase_admin.credentials import Certificate
from firebase_admin.messaging import _MessagingService  # its encoder has no public name

from services.notifier.fcm.access_token import AccessToken
from services.notifier.fcm.answers import AWAY, QUOTA_EXCEEDED, THIRD_PARTY_AUTH
from services.notifier.fcm.client import FCM, FcmClient
from services.notifier.fcm.dispatching import Dispatcher
from services.notifier.fcm.message import to_message
from services.notifier.fcm.pacing import Pacer
from services.notifier.fcm.platform_holds import PlatformHolds
from services.notifier.gateway import PUSHES_STOPPED, Outcome, Push, Verdict
from shared.breaker import Breaker
from shared.errors import ConfigurationError, UnavailableError

BREAKER: Final = "fcm"
_FAILURES: Final = 10  # of hundreds in flight
_SHORTEST_S: Final = 5.0
_LONGEST_S: Final = 60.0
_REFUSED_S: Final = 60.0  # a person has to give us the right

CIRCUIT_OPEN: Final = Outcome(Verdict.UNTRIED, "circuit_open")
_NO_MESSAGE: Final = Outcome(Verdict.FAILED, "invalid_message")

# At their chattier levels these write a line a request, some of them with access tokens in it.
_TALKATIVE: Final = ("urllib3", "google.auth", "firebase_admin")

log = structlog.get_logger()


class FirebaseGateway:
    """Sends pushes to FCM; to be made on a running event loop.

    Args:
        credentials_file: a service account's key as Google's console gives it.
        clock: tells the instant in UTC.
        pacer: of the whole fleet.
        links: the beginning of the app's links.
        connections: pushes in flight at once.
        endpoint: base URL of a stand-in for fcm.googleapis.com, for tests and benchmarks.
        stopwatch: tells seconds that only grow.
        stopped: says whether pushes are stopped.

    Raises:
        ConfigurationError: the file is missing or no service account's key.
    """

    def __init__(
        self,
        credentials_file: Path,
        clock: Callable[[], datetime],
        pacer: Pacer,
        links: str,
        connections: int,
        endpoint: str | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        for library in _TALKATIVE:
            logging.getLogger(library).setLevel(logging.WARNING)
        account = _read_account(credentials_file)
        self._clock = clock
        self._links = links
        self._stopped = stopped
        self._pacer = pacer
        self._breaker = Breaker(BREAKER, failures=_FAILURES, shortest=_SHORTEST_S, longest=_LONGEST_S, clock=stopwatch)
        self._holds = PlatformHolds(stopwatch)
        self._token = AccessToken(account.get_credential(), stopwatch)
        self._client = FcmClient(account.project_id, self._token, clock, endpoint or FCM)
        self._dispatcher = Dispatcher(self._refuse, self._deliver, pacer, connections)

    async def send(self, pushes: Sequence[Push]) -> Sequence[Outcome]:
        """Send each push as one message.

        Raises:
            UnavailableError: no access token or no permit of the fleet is to be had; nothing was sent.
        """
        await self._token.get()
        ends = await self._dispatcher.dispatch(pushes)
        errors = [end for end in ends if isinstance(end, BaseException)]
        for error in errors:
            if len(errors) == len(ends) or not isinstance(error, UnavailableError):
                raise error
        return [_outcome(end) for end in ends]

    async def close(self) -> None:
        """Stop sending and close the connections; the pacer stays its owner's."""
        await self._dispatcher.close()
        await self._client.close()

    def _refuse(self, push: Push) -> Outcome | None:
        if self._stopped():
            return PUSHES_STOPPED
        if self._breaker.refuses:
            return CIRCUIT_OPEN
        return THIRD_PARTY_AUTH if self._holds.refuses(push.device.platform) else None

    async def _deliver(self, push: Push) -> Outcome:
        """Send one push; of those that leave together to find out whether a way is open again, only the first."""
        if self._stopped():  # while it waited for its permit
            return PUSHES_STOPPED
        body = self._encode(push)
        if body is None:
            return _NO_MESSAGE
        if not self._holds.enter(push.device.platform):
            return THIRD_PARTY_AUTH
        ticket = self._breaker.enter()
        if ticket is None:
            return CIRCUIT_OPEN
        try:
            outcome = await self._client.post(body)
        except BaseException:
            self._breaker.abandoned(ticket)
            raise
        self._mind_the_breaker(outcome, ticket)
        await self._heed(push, outcome)
        return outcome

    def _encode(self, push: Push) -> bytes | None:
        """Return the request's JSON, or None where firebase-admin finds fault with the message."""
        try:
            message = _MessagingService.encode_message(to_message(push, self._clock(), self._links))
            return msgspec.json.encode({"message": message})
        except (ValueError, TypeError, msgspec.EncodeError) as error:
            log.error("invalid_message", device=str(push.device.id), error=type(error).__name__)  # noqa: TRY400  # a traceback may show the address
            return None

    def _mind_the_breaker(self, outcome: Outcome, ticket: int) -> None:
        if outcome.reason in AWAY:
            self._breaker.failed(ticket)
        elif outcome.verdict is Verdict.REFUSED:
            log.error("fcm_refuses_us", reason=outcome.reason, remedy="check the service account's rights")
            self._breaker.trip(_REFUSED_S)
        else:
            self._breaker.succeeded(ticket)

    async def _heed(self, push: Push, outcome: Outcome) -> None:
        """Do what an answer asks for beyond its own push."""
        if outcome.verdict is Verdict.SENT:
            self._holds.release(push.device.platform)
        elif outcome is THIRD_PARTY_AUTH:
            self._holds.hold(push.device.platform)
        elif outcome.reason == QUOTA_EXCEEDED:
            await self._pacer.slow_down()
        elif outcome.verdict is Verdict.FAILED:
            log.error("push_failed", reason=outcome.reason, device=str(push.device.id))


def _outcome(end: Outcome | BaseException) -> Outcome:
    """Return what became of a push in whose turn a server of ours was away, while others had gone before it."""
    if isinstance(end, UnavailableError):
        return Outcome(Verdict.UNTRIED, f"{end.server}_unavailable")
    assert isinstance(end, Outcome)
    return end


def _read_account(credentials_file: Path) -> Certificate:
    try:
        account = Certificate(str(credentials_file))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"FIREBASE_CREDENTIALS={credentials_file} is no service account's key: {type(error).__name__}"
        ) from error
    if not account.project_id:
        raise ConfigurationError(f"FIREBASE_CREDENTIALS={credentials_file} lacks the project_id")
    return account
