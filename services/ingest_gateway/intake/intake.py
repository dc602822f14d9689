"""Where fares come in, by whatever way they have reached the gateway."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from services.ingest_gateway.intake.batches import Batch, prepare
from services.ingest_gateway.intake.collector import Collector
from services.ingest_gateway.intake.delivering import Deliverer, Stored
from services.ingest_gateway.intake.taken import FareValues, Fault, Taken
from shared import metrics
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.fare_lanes import Lane
from shared.messages.batches import MAX_ROWS
from shared.messages.fares import FARES

# Fares that have come in and are not safe yet: what goes beyond is refused, for memory is finite.
MOST_BYTES_IN_HAND: Final = 256 * 1024**2
_BYTES_OF_A_FARE: Final = 1_000  # as Python objects
_LARGE: Final = 1_000  # rows; fewer are prepared in a millisecond or two


class Intake:
    """Takes fares, and returns when they are safe.

    Args:
        deliverer: finds a place for batches.
        batch_age_s: how long fares wait for others to travel with, in seconds.
        lifetime: an observation older than this is no price of today.
        clock: tells the instant in UTC.
        failpoints: where tests let the gateway die.
    """

    def __init__(
        self,
        deliverer: Deliverer,
        batch_age_s: float,
        lifetime: timedelta,
        clock: Callable[[], datetime],
        failpoints: Failpoints,
    ) -> None:
        self._deliverer = deliverer
        self._lifetime = lifetime
        self._clock = clock
        self._failpoints = failpoints
        self._collector = Collector(batch_age_s, self._send_gathered)
        self._turn = asyncio.Lock()
        self._bytes_in_hand = 0

    @property
    def open(self) -> bool:
        """Whether fares would find a place, as far as is known."""
        return self._deliverer.open

    async def take(self, fares: Sequence[FareValues], lane: Lane, cycle: str | None) -> Taken:
        """Gather fares with those of other callers into batches; returns when all are in the broker or the spool.

        Raises:
            UnavailableError: neither took them, or too many are in hand; they may be given again at no harm.
        """
        pieces = [fares[start : start + MAX_ROWS] for start in range(0, len(fares), MAX_ROWS)]
        with self._in_hand(_BYTES_OF_A_FARE * len(fares)):
            return await _all([self._collector.add(piece, lane, cycle) for piece in pieces])

    async def take_batch(self, fares: pa.RecordBatch, lane: Lane, cycle: str | None) -> Taken:
        """Cut fares into batches of their own, without waiting for others; returns as `take` does.

        Args:
            fares: any number of rows with the columns of `FARES`, texts dictionary-encoded or not.
            lane: that they go by.
            cycle: that they belong to.

        Raises:
            UnavailableError: as with `take`.
        """
        pieces = [fares.slice(start, MAX_ROWS) for start in range(0, fares.num_rows, MAX_ROWS)]
        with self._in_hand(fares.nbytes):
            return await _all([self._send(piece, lane, cycle) for piece in pieces])

    async def _send_gathered(self, fares: Sequence[FareValues], lane: Lane, cycle: str | None) -> Taken:
        self._failpoints.hit("gateway.gathered")
        return await self._send(fares, lane, cycle)

    async def _send(self, fares: Sequence[FareValues] | pa.RecordBatch, lane: Lane, cycle: str | None) -> Taken:
        """Prepare and deliver the fares of one batch."""
        valid, body, faults = await self._prepared(fares)
        count_set_aside(faults)
        if not valid:
            return Taken(faults, spooled=False)
        stored = await self._deliverer.deliver(Batch(lane, cycle, valid, body))
        return Taken(faults, spooled=stored is Stored.SPOOL)

    async def _prepared(self, fares: Sequence[FareValues] | pa.RecordBatch) -> tuple[int, bytes, Sequence[Fault]]:
        """Large batches one at a time, with a chance for everybody else in between: each takes milliseconds."""
        if len(fares) < _LARGE:
            return self._prepare(fares)
        async with self._turn:
            await asyncio.sleep(0)
            return self._prepare(fares)

    def _prepare(self, fares: Sequence[FareValues] | pa.RecordBatch) -> tuple[int, bytes, Sequence[Fault]]:
        rows = fares if isinstance(fares, pa.RecordBatch) else pa.RecordBatch.from_pylist(fares, schema=FARES.schema)
        return prepare(rows, self._clock(), self._lifetime)

    @contextmanager
    def _in_hand(self, size: int) -> Iterator[None]:
        """Hold so many bytes, unless that is too much beside what others have here."""
        if self._bytes_in_hand and self._bytes_in_hand + size > MOST_BYTES_IN_HAND:
            raise UnavailableError("intake", "too many fares wait for the broker")
        self._bytes_in_hand += size
        try:
            yield
        finally:
            self._bytes_in_hand -= size


def count_set_aside(faults: Sequence[Fault]) -> None:
    """Show in the metrics that fares were set aside, by reason."""
    for reason, count in Counter(reason for _, reason in faults).items() if faults else ():
        metrics.INGEST_SET_ASIDE.labels(reason).inc(count)


async def _all(sending: Sequence[Coroutine[Any, Any, Taken]]) -> Taken:
    """What became of several batches, as one; none is left behind when another fails."""
    if len(sending) == 1:
        return await sending[0]
    ended = await asyncio.gather(*sending, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, BaseException):
            raise outcome
    several = [outcome for outcome in ended if isinstance(outcome, Taken)]
    faults = [
        (number * MAX_ROWS + position, reason)
        for number, taken in enumerate(several)
        for position, reason in taken.faults
    ]
    return Taken(faults, any(taken.spooled for taken in several))
