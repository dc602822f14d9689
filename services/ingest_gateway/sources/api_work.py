"""The work of a travel API: a sweep of its searches."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import aiohttp
import structlog

from services.ingest_gateway.sources.asking import Asking
from services.ingest_gateway.sources.exchanging import OUTCOMES
from services.ingest_gateway.sources.giving import Giving, Taker
from services.ingest_gateway.sources.halt import Halt
from services.ingest_gateway.sources.pace import Pace
from services.ingest_gateway.sources.sending import Sending
from services.ingest_gateway.sources.settings import ApiSettings
from services.ingest_gateway.sources.source import Api
from services.ingest_gateway.sources.source_cycle import Ended, SourceCycle
from services.ingest_gateway.sources.sweep import Sweep
from services.ingest_gateway.sources.transport import Transport
from shared import metrics
from shared.breaker import Breaker

# An answer may take ten seconds, and the source shall get as many requests a second as it allows all the same.
_ANSWER_TAKES_S: Final = 10.0
_MOST_AT_ONCE: Final = 16
_BREAKER_FAILURES: Final = 5  # more than one request's tries: a single search that the source cannot bear is no outage
_BREAKER_SHORTEST: Final = 5  # times the first wait
_BREAKER_LONGEST: Final = 60

log = structlog.get_logger()


class ApiWork:
    """Sweeps one travel API, cycle after cycle, at one pace.

    Args:
        source: what is searched, and how.
        api: what its requests and answers are.
        session: carries them.
        intake: takes its fares.
        clock: tells the instant in UTC.
        first_wait_s: between tries, in seconds; twice as long after each.
    """

    def __init__(
        self,
        source: ApiSettings,
        api: Api,
        session: aiohttp.ClientSession,
        intake: Taker,
        clock: Callable[[], datetime],
        first_wait_s: float = 1.0,
    ) -> None:
        self._source = source
        self._api = api
        self._transport = Transport(session, source.name, str(source.base_url))
        self._pace = Pace(source.requests_per_second)
        self._breaker = Breaker(
            f"source_{source.name}",
            failures=_BREAKER_FAILURES,
            shortest=_BREAKER_SHORTEST * first_wait_s,
            longest=_BREAKER_LONGEST * first_wait_s,
        )
        self._intake = intake
        self._clock = clock
        self._first_wait_s = first_wait_s
        for outcome in OUTCOMES:
            metrics.SOURCE_REQUESTS.labels(source.name, outcome)  # shows zero

    async def waits(self) -> bool:
        """A travel API can always be searched."""
        return True

    async def run(self, cycle: SourceCycle) -> Ended:
        """Make every search once."""
        giving = Giving(self._intake, self._source.lane, cycle, self._first_wait_s)
        with cycle.halt.part() as halt:
            sweep = Sweep(self._asking(cycle, halt), giving, cycle.counts, halt)
            return await sweep.run(self._api.requests(cycle.began.astimezone(UTC).date()), self._at_once)

    def _asking(self, cycle: SourceCycle, halt: Halt) -> Asking:
        sending = Sending(self._transport, self._pace, self._breaker, halt)
        return Asking(self._source.name, self._api, sending, cycle.counts, self._clock, halt, self._first_wait_s)

    @property
    def _at_once(self) -> int:
        return min(_MOST_AT_ONCE, math.ceil(self._source.requests_per_second * _ANSWER_TAKES_S))
