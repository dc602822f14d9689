"""Pushes waiting for their turn: the most urgent lane first, as fast as the fleet may, so many in flight at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Final, NamedTuple

from services.notifier.fcm.pacing import Pacer
from services.notifier.gateway import Outcome, Push
from shared.errors import UnavailableError
from shared.topology import Lane

Deliver = Callable[[Push], Awaitable[Outcome]]
Refuse = Callable[[Push], Outcome | None]

_RANKS: Final = {lane: rank for rank, lane in enumerate(Lane)}


class _Job(NamedTuple):
    """A push, by its place in the line, and where its outcome is awaited."""

    rank: int
    arrival: int  # no two are equal, so that nothing after it is compared
    push: Push
    outcome: asyncio.Future[Outcome]


class Dispatcher:
    """Lets pushes leave one by one; to be made on a running event loop.

    Args:
        refuse: says of a push whose turn it is that it cannot leave now, at once and for no permit.
        deliver: takes one that may leave, and says what became of it.
        pacer: lets the next one leave.
        most_in_flight: pushes that are being delivered at once.
    """

    def __init__(self, refuse: Refuse, deliver: Deliver, pacer: Pacer, most_in_flight: int) -> None:
        self._refuse = refuse
        self._deliver = deliver
        self._pacer = pacer
        self._most_in_flight = most_in_flight
        self._waiting: asyncio.PriorityQueue[_Job] = asyncio.PriorityQueue()
        self._arrivals = count()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._landed = asyncio.Event()
        self._pump = asyncio.create_task(self._let_leave(), name="push-dispatcher")

    async def dispatch(self, pushes: Sequence[Push]) -> list[Outcome | BaseException]:
        """Return the outcomes in the order of the pushes, each as it is returned or raised.

        Cancelled, it takes back those that have not left.
        """
        jobs = [self._enqueue(push) for push in pushes]
        return await asyncio.gather(*(job.outcome for job in jobs), return_exceptions=True)

    async def close(self) -> None:
        """Stop; nobody learns what became of what is still in flight."""
        tasks = [self._pump, *self._in_flight]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while not self._waiting.empty():
            self._waiting.get_nowait().outcome.cancel()

    def _enqueue(self, push: Push) -> _Job:
        outcome = asyncio.get_running_loop().create_future()
        job = _Job(_RANKS[push.lane], next(self._arrivals), push, outcome)
        self._waiting.put_nowait(job)
        return job

    async def _let_leave(self) -> None:
        while True:
            job = await self._waiting.get()
            try:
                await self._await_turn(job)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # raised where the outcome is awaited
                _fail(job, error)

    async def _await_turn(self, job: _Job) -> None:
        """Start a push as soon as there are room and a permit, unless it is refused or nobody waits for it any more."""
        if job.outcome.done():
            return
        if refusal := self._refuse(job.push):
            job.outcome.set_result(refusal)
            return
        while len(self._in_flight) >= self._most_in_flight:
            self._landed.clear()
            await self._landed.wait()
        try:
            await self._pacer.permit(self._waiting.qsize() + 1)
        except UnavailableError as error:
            self._fail_waiting(error)
            raise
        if not job.outcome.done():
            task = asyncio.create_task(self._fly(job))
            self._in_flight.add(task)
            task.add_done_callback(self._land)

    async def _fly(self, job: _Job) -> None:
        try:
            outcome = await self._deliver(job.push)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # raised where the outcome is awaited
            _fail(job, error)
        else:
            if not job.outcome.done():
                job.outcome.set_result(outcome)

    def _land(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._landed.set()

    def _fail_waiting(self, error: UnavailableError) -> None:
        """Let all who wait know at once: each would wait for the same server in vain."""
        while not self._waiting.empty():
            _fail(self._waiting.get_nowait(), error)


def _fail(job: _Job, error: Exception | asyncio.CancelledError) -> None:
    """Raise the error where the outcome is awaited; a cancellation also here."""
    if isinstance(error, asyncio.CancelledError):
        job.outcome.cancel()
        raise error
    if not job.outcome.done():
        job.outcome.set_exception(error)
