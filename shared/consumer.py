"""The loop every worker stands in: take messages, handle them, settle each by what became of it.

Settled by class of error:

- handled: acknowledged, after everything that follows from it is safe;
- `UnreadableError`: to the dead letters, with the reason;
- `TransientError` and errors nobody foresaw: to the retry queues, then to the dead letters;
- `Park`, a part whose own server is away: to the shorter retry queues until it is back;
- `Wait`, a part that is to come again after a time of its own: to the waiting queues;
- `Several`, parts of which each has an end of its own: each as above;
- `UnavailableError`: kept in hand and tried again until the server is back;
- cancelled: left alone, so that the broker delivers it again.

Messages in hand are taken flow by flow in turn, as many as are there in one call.

On a stop the consumer takes no more, hands back what it had not begun and finishes what it had.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import structlog

from shared import metrics, tracing
from shared.backoff import Backoff
from shared.broker.broker import Broker
from shared.dead_letters import unexpected
from shared.deliveries import DeadLetter, Delivery, Done, Park, Retry, Settlement, Several, Wait
from shared.errors import TransientError, UnavailableError, UnreadableError
from shared.fair_queue import FairQueue
from shared.health import Health
from shared.price_ages import PricesInWork, prices_in_work
from shared.redelivery import count_redelivered, redeliveries
from shared.topology import WorkQueue

Handler = Callable[[Sequence[Delivery]], Awaitable[Sequence[Settlement]]]

DRAIN_DEADLINE_S: Final = 20.0
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 5.0

log = structlog.get_logger()


def of_one_flow(_: Delivery) -> str:
    """No message before another."""
    return ""


def by_route(delivery: Delivery) -> str:
    """A hot route's messages let those of other routes pass; what is of no single route is one flow."""
    return delivery.context.route or ""


@dataclass
class Consumer:
    """Works on one queue.

    Args:
        broker: where messages come from and where failed ones go.
        queue: what to work on.
        handle: gets 1 to `batch_size` messages and says for each what became of it.
        health: is told while a server that the work needs is away.
        concurrency: handler calls under way at once.
        batch_size: messages given to one call, as many as are there.
        batch_bytes: of their bodies; a call gets no further message once it has so many.
        flow_of: what of a message must not be starved by others in hand.
    """

    broker: Broker
    queue: WorkQueue
    handle: Handler
    health: Health
    concurrency: int = 2
    batch_size: int = 1
    batch_bytes: float = math.inf
    flow_of: Callable[[Delivery], str] = of_one_flow
    _incoming: FairQueue[Delivery | None] = field(init=False)
    _in_hand: int = field(default=0, init=False)
    _stopping: bool = field(default=False, init=False)
    _ends: Sequence[asyncio.Event] = field(default=(), init=False)
    _prices: PricesInWork = field(init=False)

    def __post_init__(self) -> None:
        self._incoming = FairQueue(lambda delivery: delivery and self.flow_of(delivery))
        self._prices = prices_in_work(self.queue)
        self._show_zeros()

    def _show_zeros(self) -> None:
        """Have metrics there from the start: a rate needs to have seen the zero before the first."""
        self._hold(0)
        metrics.HANDLING_SECONDS.labels(self.queue.name)
        for settlement in (Done, Retry, Park, Wait, DeadLetter, Several):
            metrics.MESSAGES.labels(self.queue.name, outcome_of(settlement))

    @property
    def busy(self) -> bool:
        """Whether messages are in hand."""
        return self._in_hand > 0

    async def run(self, *ends: asyncio.Event) -> None:
        """Work until one of these events is set, then drain; any other end is an error that must end the process."""
        self._ends = ends
        subscription = await self.broker.consume(self.queue, self._receive)
        self.health.started = True
        workers = [asyncio.create_task(self._work(), name=f"{self.queue.name}-{i}") for i in range(self.concurrency)]
        told = [asyncio.create_task(end.wait()) for end in ends]
        try:
            await asyncio.wait([*told, subscription.kept, *workers], return_when=asyncio.FIRST_COMPLETED)
            self._stopping = True
            self._raise_if_dead([subscription.kept, *workers])
            await subscription.cancel()
            await self._drain(workers)
        finally:
            for task in (*told, *workers):
                task.cancel()
            await asyncio.gather(*told, *workers, return_exceptions=True)
            await self.broker.end(subscription)

    @property
    def _told_to_end(self) -> bool:
        """From the moment that it is told: what is not possible any more just then is no fault of a server."""
        return self._stopping or any(end.is_set() for end in self._ends)

    async def _receive(self, delivery: Delivery) -> None:
        if self._stopping:
            await delivery.acknowledger.hand_back()
            return
        self._hold(1)
        self._incoming.put_nowait(delivery)

    def _hold(self, more: int) -> None:
        self._in_hand += more
        metrics.IN_HAND.labels(self.queue.name).set(self._in_hand)

    def _raise_if_dead(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        for task in tasks:
            if task.done():
                error = None if task.cancelled() else task.exception()
                raise RuntimeError(f"{task.get_name()} ended while the service runs") from error

    async def _drain(self, workers: Sequence[asyncio.Task[None]]) -> None:
        while not self._incoming.empty():
            if unbegun := self._incoming.get_nowait():
                await unbegun.acknowledger.hand_back()
                self._hold(-1)
        for _ in workers:
            self._incoming.put_nowait(None)
        _, late = await asyncio.wait(workers, timeout=DRAIN_DEADLINE_S)
        if late:
            log.warning("drain_deadline_passed", queue=self.queue.name, calls=len(late))

    async def _work(self) -> None:
        while batch := await self._take():
            try:
                with metrics.HANDLING_SECONDS.labels(self.queue.name).time(), self._traced(batch):
                    await self._work_on(batch)
            finally:
                self._prices.left(batch)
                self._hold(-len(batch))

    def _traced(self, batch: Sequence[Delivery]) -> AbstractContextManager[object]:
        return tracing.processing(self.queue.name, (delivery.context.traceparent for delivery in batch))

    async def _take(self) -> list[Delivery]:
        """As many messages as are there, at least one; none means that the work is over."""
        batch: list[Delivery] = []
        size = 0
        while len(batch) < self.batch_size and size < self.batch_bytes and not (batch and self._incoming.empty()):
            delivery = await self._incoming.get()
            if delivery is None:
                if batch:
                    self._incoming.put_nowait(None)
                break
            batch.append(delivery)
            size += len(delivery.body)
        return batch

    async def _work_on(self, batch: Sequence[Delivery]) -> None:
        waiting = Backoff(_FIRST_WAIT_S, _LONGEST_WAIT_S)
        unsettled = list(batch)
        while unsettled := [delivery for delivery in unsettled if not delivery.acknowledger.lost]:
            try:
                await self._settle(unsettled, await self._handle(unsettled))
            except UnavailableError as error:
                if self._told_to_end:
                    await _hand_back(unsettled)
                    return
                metrics.WAITING.labels(error.server).inc()
                self.health.away(error.server)
                log.warning("waiting_for_server", server=error.server, error=str(error), queue=self.queue.name)
                await waiting.pause()
            else:
                self.health.back()
                return

    async def _handle(self, batch: Sequence[Delivery]) -> Sequence[Settlement]:
        try:
            return await self.handle(batch)
        except UnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  # one bad message must not stop the others
            if len(batch) == 1:
                return [self._classify(error)]
        return [(await self._handle([delivery]))[0] for delivery in batch]

    def _classify(self, error: Exception) -> Settlement:
        tracing.failed(error)
        if isinstance(error, UnreadableError):
            log.warning("unreadable", queue=self.queue.name, error=str(error))
            return DeadLetter(error.reason)
        if isinstance(error, TransientError):
            log.warning("failed_for_now", queue=self.queue.name, error=str(error))
            return Retry(error.reason)
        log.error("handler_failed", queue=self.queue.name, exc_info=error)
        return Retry(unexpected(error))

    async def _settle(self, unsettled: list[Delivery], settlements: Sequence[Settlement]) -> None:
        """Settle each and take it off the list: what follows an error is handled again, what precedes is not."""
        for delivery, settlement in list(zip(unsettled, settlements, strict=True)):
            messages = redeliveries(self.queue, delivery, settlement, datetime.now(UTC))
            await self.broker.publish_all(messages)
            count_redelivered(self.queue, messages)
            metrics.MESSAGES.labels(self.queue.name, outcome_of(type(settlement))).inc()
            if isinstance(settlement, Done):
                self._prices.done(delivery)
            await delivery.acknowledger.ack()
            unsettled.remove(delivery)


def outcome_of(settlement: type[Settlement]) -> str:
    """What a settlement is called in metrics, such as `done` or `deadletter`."""
    return settlement.__name__.lower()


def count_set_aside(queue: WorkQueue, set_aside: Mapping[str, int], delivery: Delivery) -> None:
    """Count the invalid documents of a message by reason, once the others have had their effect."""
    for reason, count in set_aside.items():
        metrics.SET_ASIDE.labels(queue.name, reason).inc(count)
    if set_aside:
        log.info("documents_set_aside", queue=queue.name, reasons=dict(set_aside), message_id=delivery.message_id)


async def _hand_back(batch: Sequence[Delivery]) -> None:
    for delivery in batch:
        await delivery.acknowledger.hand_back()
