"""A circuit breaker: a server that keeps failing is left alone for a while, then asked by one call alone.

Our own and not a library's: those looked at go by the wall clock, let every caller through at once when the while is
over, and cannot be told to stay open for a given time.
"""

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final

import structlog

from shared import metrics
from shared.errors import UnavailableError

_FAILURES: Final = 3
_SHORTEST_S: Final = 1.0
_LONGEST_S: Final = 15.0

log = structlog.get_logger()


class State(StrEnum):
    """What a breaker does with calls."""

    CLOSED = "closed"  # lets them through
    OPEN = "open"  # refuses them
    HALF_OPEN = "half_open"  # has let one through, and refuses the others until that has ended


class Breaker:
    """Guards the calls to one server.

    A call is given a ticket, and hands it back with what became of it. A ticket is good for the state it was
    given in: calls that were under way when the breaker opened neither open it again nor close it.

    Args:
        name: the server's, in errors, logs and metrics.
        failures: so many in a row open it.
        shortest: seconds that it is open at first; twice as many each time that the probe fails.
        longest: and never more.
        clock: tells seconds that only grow.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = _FAILURES,
        shortest: float = _SHORTEST_S,
        longest: float = _LONGEST_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._allowed_failures = failures
        self._shortest = shortest
        self._longest = longest
        self._clock = clock
        self._state = State.CLOSED
        self._ticket = 0  # counts the states
        self._failures = 0  # in a row while closed
        self._period = shortest  # that it is open for next time
        self._open_until = 0.0
        for state in State:
            metrics.BREAKER_CHANGES.labels(name, state.value)  # shows zero
        self._show()

    @property
    def state(self) -> State:
        """What it does with calls."""
        return self._state

    @property
    def refuses(self) -> bool:
        """Whether a call would be refused now."""
        if self._state is State.OPEN:
            return self._clock() < self._open_until
        return self._state is State.HALF_OPEN

    def enter(self) -> int | None:
        """Begin a call: its ticket, or None if it is refused. Whoever has a ticket must hand it back."""
        if self.refuses:
            return None
        if self._state is State.OPEN:
            self._become(State.HALF_OPEN)
        return self._ticket

    def succeeded(self, ticket: int) -> None:
        """The server answered, whatever it said."""
        if ticket == self._ticket:
            self._failures = 0
            self._period = self._shortest
            if self._state is State.HALF_OPEN:
                self._become(State.CLOSED)

    def failed(self, ticket: int) -> None:
        """The server could not be reached, or could not answer."""
        if ticket == self._ticket:
            self._failures += 1
            if self._state is State.HALF_OPEN or self._failures >= self._allowed_failures:
                self._open_for(self._next_period())

    def abandoned(self, ticket: int) -> None:
        """The call ended before the server could answer; if it was the probe, the next call is."""
        if ticket == self._ticket and self._state is State.HALF_OPEN:
            self._open_for(0)

    def trip(self, seconds: float) -> None:
        """Let nobody through for so long: the server has said that it will not have us."""
        self._open_for(seconds)

    @asynccontextmanager
    async def guard(self) -> AsyncIterator[None]:
        """Let the block through, and learn from it: `UnavailableError` is a failure.

        Raises:
            UnavailableError: the breaker is open.
        """
        ticket = self.enter()
        if ticket is None:
            raise UnavailableError(self.name, "its circuit breaker is open")
        try:
            yield
        except UnavailableError:
            self.failed(ticket)
            raise
        except Exception:
            self.succeeded(ticket)
            raise
        except BaseException:  # cancelled
            self.abandoned(ticket)
            raise
        else:
            self.succeeded(ticket)

    def _next_period(self) -> float:
        period = self._period
        self._period = min(self._longest, period * 2)
        return period * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, hides nothing

    def _open_for(self, seconds: float) -> None:
        until = self._clock() + seconds
        self._open_until = max(self._open_until, until) if self._state is State.OPEN else until
        if self._state is not State.OPEN:
            self._become(State.OPEN)

    def _become(self, state: State) -> None:
        log.warning("circuit_breaker", breaker=self.name, state=state.value, before=self._state.value)
        self._state = state
        self._ticket += 1
        self._failures = 0
        metrics.BREAKER_CHANGES.labels(self.name, state.value).inc()
        self._show()

    def _show(self) -> None:
        for state in State:
            metrics.BREAKER_STATE.labels(self.name, state.value).set(state is self._state)
