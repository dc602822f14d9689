"""Requests of one source on their way: when the source's pace and its circuit breaker let them through."""

from typing import Final

from services.ingest_gateway.sources.halt import Halt
from services.ingest_gateway.sources.pace import Pace
from services.ingest_gateway.sources.source import Request
from services.ingest_gateway.sources.transport import Answer, Transport
from shared.breaker import Breaker
from shared.errors import UnavailableError

_BREAKER_LOOKED_AT_EVERY_S: Final = 0.25
_SERVER_ERROR: Final = 500


class Sending:
    """Sends one at a time for each caller; the callers share what is here.

    Args:
        transport: carries them.
        pace: at which they start.
        breaker: leaves the source alone while it answers nothing but server errors, or nothing at all.
        halt: ends every wait.
    """

    def __init__(self, transport: Transport, pace: Pace, breaker: Breaker, halt: Halt) -> None:
        self._transport = transport
        self._pace = pace
        self._breaker = breaker
        self._halt = halt
        self.in_vain = 0  # requests in a row that got no answer but server errors

    async def send(self, request: Request, token: str | None) -> Answer:
        """Send a request once it may be sent.

        Raises:
            UnavailableError: no answer came.
            HaltedError: the work on this source ends here.
        """
        ticket = await self._ticket()
        try:
            await self._halt.pause(self._pace.book())
            async with self._halt.ending():
                answer = await self._transport.send(request, token)
        except UnavailableError:
            self._failed(ticket)
            raise
        except BaseException:  # halted or cancelled
            self._breaker.abandoned(ticket)
            raise
        if answer.status >= _SERVER_ERROR:
            self._failed(ticket)
        else:
            self._breaker.succeeded(ticket)
            self.in_vain = 0
        return answer

    def hold(self, seconds: float) -> None:
        """Send nothing for so long."""
        self._pace.hold(seconds)

    def _failed(self, ticket: int) -> None:
        self._breaker.failed(ticket)
        self.in_vain += 1

    async def _ticket(self) -> int:
        while (ticket := self._breaker.enter()) is None:
            await self._halt.pause(_BREAKER_LOOKED_AT_EVERY_S)
        return ticket
