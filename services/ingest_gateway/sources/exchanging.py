"""A request and what its answer means: something understood, or what to do about a refusal."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from services.ingest_gateway.sources.sending import Sending
from services.ingest_gateway.sources.source import Api, LogInAgain, Refusal, Request, Skip, Stop, Token, TryAgain
from services.ingest_gateway.sources.transport import Answer
from shared import metrics
from shared.errors import UnavailableError, UnreadableError
from shared.retry_after import seconds_to_wait
from shared.sweeps import SweepCounts

T = TypeVar("T")

_OUTCOMES: Final[dict[type[Refusal], str]] = {
    TryAgain: "try_again",
    LogInAgain: "log_in_again",
    Skip: "skip",
    Stop: "stop",
}
OUTCOMES: Final = ("understood", "unreachable", *_OUTCOMES.values())


class Exchanging:
    """Exchanges requests of one source for what their answers mean.

    Args:
        source: its name, in metrics.
        api: knows what they mean.
        sending: sends.
        counts: of the cycle.
        clock: tells the instant in UTC.
    """

    def __init__(
        self, source: str, api: Api, sending: Sending, counts: SweepCounts, clock: Callable[[], datetime]
    ) -> None:
        self._source = source
        self._api = api
        self._sending = sending
        self._counts = counts
        self._clock = clock

    async def exchange(
        self, request: Request, token: Token | None, understand: Callable[[bytes], Awaitable[T]]
    ) -> T | Refusal:
        """Send a request; return what `understand` makes of a 2xx, or what to do where there is no such thing.

        Args:
            request: what to send.
            token: goes with it, if there is one.
            understand: raises `UnreadableError` for a body that is not what was asked for.

        Raises:
            HaltedError: the work on this source ends here.
        """
        self._counts.requests += 1
        try:
            answer = await self._sending.send(request, token.value if token else None)
        except UnavailableError:
            return self._count("unreachable", TryAgain("unreachable"))
        if answer.succeeded:
            try:
                return self._count("understood", await understand(answer.body))
            except UnreadableError:
                pass  # some say no with a 200
        refusal = self._refusal(answer)
        return self._count(_OUTCOMES[type(refusal)], refusal)

    def _refusal(self, answer: Answer) -> Refusal:
        """What the API says, with the wait that the headers ask for where its body asks for none."""
        refusal = self._api.refusal(answer.status, answer.headers, answer.body)
        if isinstance(refusal, TryAgain) and refusal.after_s is None:
            asked_for = seconds_to_wait(answer.headers.get("retry-after"), self._clock())
            return replace(refusal, after_s=asked_for)
        return refusal

    def _count(self, outcome: str, result: T) -> T:
        metrics.SOURCE_REQUESTS.labels(self._source, outcome).inc()
        return result
