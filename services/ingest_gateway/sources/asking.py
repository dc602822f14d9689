"""One request of a source until it is settled: understood, tried again, or given up."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from services.ingest_gateway.sources.exchanging import Exchanging
from services.ingest_gateway.sources.halt import Halt
from services.ingest_gateway.sources.sending import Sending
from services.ingest_gateway.sources.source import Api, LogInAgain, Page, Refusal, Request, Skip, Stop, Token, TryAgain
from shared.backoff import Backoff
from shared.sweeps import SweepCounts

TRIES: Final = 4
AWAY_AFTER: Final = 2 * TRIES  # requests in a row in vain: a single search that the source cannot bear is no outage
LONGEST_WAIT_S: Final = 300.0  # within a cycle; a source that asks for more is left alone for as long as it asks
_LONGEST_TOKEN_S: Final = 24 * 3_600.0  # whatever a source promises, which may be more than a calendar holds
_FRESH_FOR: Final = timedelta(seconds=30)  # a token that lasts no longer is not used any more


@dataclass(frozen=True, slots=True)
class Failed:
    """No try of a request led to anything."""

    reason: str


@dataclass(frozen=True, slots=True)
class Away:
    """Nobody's requests lead to anything any more."""

    reason: str


class Asking:
    """Asks one source in one cycle. Several may ask at once: they share the token.

    Args:
        source: its name, in metrics.
        api: knows what answers mean.
        sending: sends.
        counts: of the cycle.
        clock: tells the instant in UTC.
        halt: ends every wait.
        first_wait_s: after a first failure; twice as long after each further one.
    """

    def __init__(
        self,
        source: str,
        api: Api,
        sending: Sending,
        counts: SweepCounts,
        clock: Callable[[], datetime],
        halt: Halt,
        first_wait_s: float,
    ) -> None:
        self._api = api
        self._sending = sending
        self._exchanging = Exchanging(source, api, sending, counts, clock)
        self._clock = clock
        self._halt = halt
        self._first_wait_s = first_wait_s
        self._logging_in = asyncio.Lock()
        self._token: Token | None = None
        self._token_until = clock()

    async def ask(self, request: Request) -> Page | Skip | Stop | Failed | Away:
        """Ask until it is settled.

        Raises:
            HaltedError: the work on this source ends here.
        """
        reason, refused = "", False
        backoff = Backoff(self._first_wait_s, LONGEST_WAIT_S)
        for left in reversed(range(TRIES)):
            verdict = await self._try(request)
            match verdict:
                case TryAgain(reason, after_s):
                    if after_s is not None and after_s > LONGEST_WAIT_S:
                        return Stop(reason, after_s)
                    if self._sending.in_vain >= AWAY_AFTER:
                        return Away(reason)
                    if after_s is not None:
                        self._sending.hold(after_s)  # for every request, not this one alone
                    elif left:
                        await self._wait(backoff)
                case LogInAgain(reason):
                    if refused:
                        return Stop(reason)
                    refused = True
                case _:
                    return verdict
        return Failed(reason)

    async def _wait(self, backoff: Backoff) -> None:
        async with self._halt.ending():
            await backoff.pause()

    async def _try(self, request: Request) -> Page | Refusal:
        if refusal := await self._log_in():
            return refusal
        token = self._token
        verdict = await self._exchanging.exchange(request, token, partial(self._read, request))
        if isinstance(verdict, LogInAgain) and self._token is token:  # nobody has got a new one meanwhile
            self._token = None
        return verdict

    async def _read(self, request: Request, body: bytes) -> Page:
        # In a thread: a page of megabytes would hold up those who push their fares through this process.
        return await asyncio.to_thread(self._api.read, request, body, self._clock())

    async def _log_in(self) -> Refusal | None:
        """Have a fresh token where one is needed; what to do where none is to be had."""
        request = self._api.login()
        if request is None:
            return None
        async with self._logging_in:
            if self._token and self._clock() < self._token_until - _FRESH_FOR:
                return None
            given = await self._exchanging.exchange(request, None, self._understand_token)
            if not isinstance(given, Token):
                return Stop(given.reason) if isinstance(given, Skip) else given  # every search would be skipped
            self._token = given
            self._token_until = self._clock() + timedelta(seconds=min(given.expires_in_s, _LONGEST_TOKEN_S))
            return None

    async def _understand_token(self, body: bytes) -> Token:
        return self._api.token(body)
