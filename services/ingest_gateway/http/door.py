"""A request with fares, from its key to its receipt."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
from litestar.types import HTTPScope, Receive

from services.ingest_gateway.http.documents import OwnFares
from services.ingest_gateway.http.inflating import inflate
from services.ingest_gateway.http.media import Coding, Format, coding_of, format_of
from services.ingest_gateway.http.memory import Memory, Share
from services.ingest_gateway.http.parameters import Parameters, read_parameters
from services.ingest_gateway.http.receipts import Outcome, Receipt
from services.ingest_gateway.http.receiving import receive_body
from services.ingest_gateway.http.record_batches import read_rows
from services.ingest_gateway.http.refusals import ForbiddenError
from services.ingest_gateway.http.splitting import documents_in
from services.ingest_gateway.intake.intake import Intake, count_set_aside
from services.ingest_gateway.producers.limits import FareLimits
from services.ingest_gateway.producers.producer import Producer
from services.ingest_gateway.producers.producers import Producers
from shared.messages.batches import MAX_ROWS

_AT_A_TIME: Final = 250  # documents read in about a millisecond; then it is the turn of other requests


class Door:
    """Lets fares in.

    Args:
        intake: where they go.
        producers: tell whose key a request shows.
        limits: count what each producer sends.
    """

    def __init__(self, intake: Intake, producers: Producers, limits: FareLimits) -> None:
        self._intake = intake
        self._producers = producers
        self._limits = limits
        self._memory = Memory()

    async def push(self, scope: HTTPScope, receive: Receive) -> Receipt:
        """Take the fares of a request; returns when they are safe.

        Raises:
            UnknownKeyError: it shows no good key.
            RefusedError: it makes no sense, or goes beyond what a request may hold or its key may do.
            UnreadableError: its body is not what it says it is.
            LimitReachedError: its producer has sent too much.
            RequestOverLimitError: it holds more fares than its producer may send in a minute.
            UnavailableError: what is needed to take it is away; it may be sent again at no harm.
        """
        headers = dict(scope["headers"])
        producer = await self._producers.of(headers.get(b"authorization", b"").decode("latin-1"))
        parameters = read_parameters(scope["query_string"])
        _check_reach(producer, parameters)
        form, coding = format_of(headers.get(b"content-type", b"")), coding_of(headers.get(b"content-encoding", b""))
        with Share(self._memory) as share:
            body = await receive_body(receive, headers.get(b"content-length", b""), share)
            if coding is not Coding.NONE:
                body = await asyncio.to_thread(inflate, body, coding)
                share.take(len(body))
            if form is Format.ARROW:
                return await self._take_rows(body, producer, parameters)
            return await self._take_documents(documents_in(body, form), producer, parameters)

    async def _take_rows(self, body: bytes, producer: Producer, parameters: Parameters) -> Receipt:
        own = await asyncio.to_thread(read_rows, body, producer.source)
        await self._limits.allow(producer, own.count)
        outcome = Outcome(own.count, own.faults)
        count_set_aside(own.faults)
        if own.rows.num_rows:
            taken = await self._intake.take_batch(own.rows, parameters.lane, parameters.cycle)
            outcome.note(taken, own.positions)
        return outcome.receipt()

    async def _take_documents(
        self, documents: Sequence[msgspec.Raw], producer: Producer, parameters: Parameters
    ) -> Receipt:
        """Take them a batch at a time, so that no more than one is in memory as Python objects."""
        await self._limits.allow(producer, len(documents))
        outcome = Outcome(len(documents))
        for first in range(0, len(documents), MAX_ROWS):
            own = await _read(documents[first : first + MAX_ROWS], first, producer.source)
            outcome.faults += own.faults
            count_set_aside(own.faults)
            if own.fares:
                outcome.note(await self._intake.take(own.fares, parameters.lane, parameters.cycle), own.positions)
        return outcome.receipt()


def _check_reach(producer: Producer, parameters: Parameters) -> None:
    if parameters.lane not in producer.lanes:
        raise ForbiddenError(f"lane: this key may send to {', '.join(sorted(producer.lanes))}")
    if parameters.cycle and not parameters.cycle.startswith(f"{producer.source}-"):
        raise ForbiddenError(f"cycle: those of this key begin with {producer.source}-")


async def _read(documents: Sequence[msgspec.Raw], first: int, source: str) -> OwnFares:
    own = OwnFares(source)
    own.read(documents[:_AT_A_TIME], first)
    for start in range(_AT_A_TIME, len(documents), _AT_A_TIME):
        await asyncio.sleep(0)
        own.read(documents[start : start + _AT_A_TIME], first + start)
    return own
