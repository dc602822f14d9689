"""Pushes waiting for their turn, over a pacer and a delivery that the test holds in its hands."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from services.notifier.fcm.dispatching import Dispatcher
from services.notifier.gateway import Device, Outcome, Push, Verdict
from services.notifier.rendering.rendering import Text
from shared.errors import UnavailableError
from shared.messages.notifications import Expiry
from shared.topology import Lane

SENT = Outcome(Verdict.SENT)
BARRED = Outcome(Verdict.UNTRIED, "circuit_open")
MOST_IN_FLIGHT = 3


class Gate:
    """Something that is waited for and that opens for so many, or for all."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(0)

    def open(self, times: int = 1_000) -> None:
        for _ in range(times):
            self._free.release()

    async def __call__(self) -> None:
        await self._free.acquire()


class Way:
    """All that a dispatcher needs: its pacer, its refusals and its delivery."""

    def __init__(self) -> None:
        self.permits, self.landings = Gate(), Gate()
        self.asked: list[int] = []
        self.left: list[Push] = []
        self.in_flight = self.most_in_flight = 0
        self.barred = False
        self.away: UnavailableError | None = None
        self.fault: Exception | None = None

    async def permit(self, waiting: int) -> None:
        self.asked.append(waiting)
        if self.away:
            raise self.away
        await self.permits()

    async def slow_down(self) -> None:
        raise AssertionError

    def refuse(self, _: Push) -> Outcome | None:
        return BARRED if self.barred else None

    async def deliver(self, push: Push) -> Outcome:
        self.left.append(push)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await self.landings()
        self.in_flight -= 1
        if self.fault and push is self.left[0]:
            raise self.fault
        return SENT


@pytest.fixture
def way() -> Way:
    return Way()


@pytest.fixture
async def dispatcher(way: Way) -> AsyncIterator[Dispatcher]:
    made = Dispatcher(way.refuse, way.deliver, way, MOST_IN_FLIGHT)
    yield made
    await made.close()


def pushes(count: int, lane: Lane = Lane.STANDARD) -> list[Push]:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    expiry = Expiry(
        id=uuid4(),
        alert_id=UUID(int=2),
        user_id=UUID(int=3),
        revision=0,
        expired_at=now,
        route="NYC-LON",
        departure_from=now.date(),
        departure_to=now.date(),
    )
    return [
        Push(expiry, Device(uuid4(), UUID(int=3), "ios", "en", "UTC", "token", "token"), Text("title", "body"), lane)
        for _ in range(count)
    ]


def dispatching(dispatcher: Dispatcher, batch: Sequence[Push]) -> asyncio.Task[list[Outcome | BaseException]]:
    return asyncio.create_task(dispatcher.dispatch(batch))


async def settle_down() -> None:
    """Let everything happen that nothing holds up."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_outcomes_come_in_the_order_of_the_pushes(dispatcher: Dispatcher, way: Way) -> None:
    way.permits.open()
    way.landings.open()
    batch = pushes(10)
    assert await dispatcher.dispatch(batch) == [SENT] * 10
    assert way.left == batch


async def test_an_urgent_push_overtakes_all_that_have_not_left_and_digests_are_last(
    dispatcher: Dispatcher, way: Way
) -> None:
    way.landings.open()
    digests, standard, urgent = pushes(2, Lane.DIGEST), pushes(3), pushes(2, Lane.URGENT)
    first = dispatching(dispatcher, standard[:1])
    await settle_down()  # it is in hand and waits for its permit
    others = [dispatching(dispatcher, batch) for batch in (digests, standard[1:], urgent)]
    await settle_down()
    way.permits.open()
    await asyncio.gather(first, *others)
    assert way.left == [standard[0], *urgent, *standard[1:], *digests]


async def test_no_more_are_in_flight_than_there_are_connections(dispatcher: Dispatcher, way: Way) -> None:
    way.permits.open()
    batch = dispatching(dispatcher, pushes(20))
    for landed in range(20):
        await settle_down()
        assert way.in_flight == min(MOST_IN_FLIGHT, 20 - landed)
        way.landings.open(1)
    await batch
    assert way.most_in_flight == MOST_IN_FLIGHT


async def test_a_permit_is_asked_for_only_when_a_push_can_leave_at_once(dispatcher: Dispatcher, way: Way) -> None:
    way.permits.open()
    batch = dispatching(dispatcher, pushes(MOST_IN_FLIGHT + 2))
    await settle_down()
    assert way.asked == [5, 4, 3]
    way.landings.open()
    await batch
    assert way.asked == [5, 4, 3, 2, 1]


async def test_pushes_whose_sender_has_gone_never_leave(dispatcher: Dispatcher, way: Way) -> None:
    way.landings.open()
    gone, staying = pushes(5), pushes(2)
    cancelled = dispatching(dispatcher, gone)
    await settle_down()
    cancelled.cancel()
    await asyncio.wait([cancelled])
    way.permits.open()
    assert await dispatcher.dispatch(staying) == [SENT] * 2
    assert way.left == staying


async def test_refused_pushes_take_no_permit(dispatcher: Dispatcher, way: Way) -> None:
    way.barred = True
    assert await dispatcher.dispatch(pushes(5)) == [BARRED] * 5
    assert way.asked == []
    assert way.left == []


async def test_while_the_schedule_is_away_all_who_wait_hear_of_it_at_once(dispatcher: Dispatcher, way: Way) -> None:
    way.away = UnavailableError("redis")
    assert await dispatcher.dispatch(pushes(50)) == [way.away] * 50
    assert len(way.asked) == 1
    way.away = None
    way.permits.open()
    way.landings.open()
    assert await dispatcher.dispatch(pushes(2)) == [SENT] * 2


async def test_an_error_is_that_of_its_own_push(dispatcher: Dispatcher, way: Way) -> None:
    way.permits.open()
    way.landings.open()
    way.fault = RuntimeError("a bug")
    assert await dispatcher.dispatch(pushes(3)) == [way.fault, SENT, SENT]


async def test_closed_it_leaves_nobody_waiting(way: Way) -> None:
    dispatcher = Dispatcher(way.refuse, way.deliver, way, MOST_IN_FLIGHT)
    way.permits.open(2)
    batch = dispatching(dispatcher, pushes(6))  # two in flight, one in hand, three in line
    await settle_down()
    await dispatcher.close()
    assert [type(end) for end in await batch] == [asyncio.CancelledError] * 6
