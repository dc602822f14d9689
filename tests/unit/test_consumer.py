"""The consumer loop against a fake broker: every message is settled by what became of it, and no end is silent."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

import shared.consumer
from shared.broker import Outgoing
from shared.consumer import Consumer, Handler, by_route
from shared.deliveries import Context, DeadLetter, Delivery, Done, Park, Retry, Settlement, Several, Wait
from shared.errors import TransientError, UnavailableError, UnreadableError
from shared.fakes import FakeBroker
from shared.health import Health
from shared.topology import RetryDelay, WorkQueue

QUEUE = WorkQueue("work", prefetch=10, waits=(RetryDelay("15s", 15_000), RetryDelay("1m", 60_000)))
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Act = Callable[[Delivery], Awaitable[Settlement]]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that waits for a server tries again at once."""
    monkeypatch.setattr(shared.consumer, "_FIRST_WAIT_S", 0.0)


class Bench:
    """A consumer at work on a fake broker."""

    def __init__(self, handle: Handler, concurrency: int, batch_size: int, batch_bytes: float = math.inf) -> None:
        self.broker = FakeBroker()
        self.health = Health()
        self.stopping = asyncio.Event()
        self.consumer = Consumer(
            self.broker, QUEUE, handle, self.health, concurrency, batch_size, batch_bytes, by_route
        )
        self.run = asyncio.create_task(self.consumer.run(self.stopping))

    async def settled(self, body: bytes, context: Context | None = None) -> str:
        """Deliver one message and wait for its settlement."""
        return await (await self.broker.deliver(body, context=context)).settled

    def sent(self) -> list[tuple[str, bytes, dict[str, object] | None]]:
        """What was published: where to, the body and the headers."""
        return [(message.routing_key, message.body, message.headers) for message in self.broker.published]


@asynccontextmanager
async def consuming(
    handle: Handler, concurrency: int = 1, batch_size: int = 1, batch_bytes: float = math.inf
) -> AsyncIterator[Bench]:
    bench = Bench(handle, concurrency, batch_size, batch_bytes)
    await bench.broker.subscribed.wait()
    yield bench
    bench.stopping.set()
    await bench.run


def each(act: Act) -> Handler:
    """A handler that acts on each delivery alone."""

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        return [await act(delivery) for delivery in deliveries]

    return handle


def raising(error: BaseException) -> Handler:
    async def act(_: Delivery) -> Settlement:
        raise error

    return each(act)


class Recorder:
    """Handles with success and remembers the bodies of each call; the first calls raise what it was given."""

    def __init__(self, *errors: BaseException) -> None:
        self.calls: list[list[bytes]] = []
        self.errors = list(errors)

    async def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        self.calls.append([delivery.body for delivery in deliveries])
        if self.errors:
            raise self.errors.pop(0)
        return [Done()] * len(deliveries)


class Held:
    """Holds every call until it is opened."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.bodies: list[bytes] = []

    async def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        self.entered.set()
        await self.open.wait()
        self.bodies += [delivery.body for delivery in deliveries]
        return [Done()] * len(deliveries)


async def test_what_was_handled_is_acknowledged_and_nothing_is_published() -> None:
    async with consuming(Recorder()) as bench:
        assert await bench.settled(b"fares") == "acknowledged"
        assert bench.sent() == []


async def test_an_unreadable_message_goes_to_the_dead_letters_with_its_reason() -> None:
    async with consuming(raising(UnreadableError("not_utf8", "byte 7"))) as bench:
        context = Context(cycle="c1", traceparent=TRACEPARENT)
        assert await bench.settled(b"\xff", context) == "acknowledged"
        headers = {"cycle": "c1", "traceparent": TRACEPARENT, "reason": "not_utf8"}
        assert bench.sent() == [("work.dead", b"\xff", headers)]


async def test_a_message_without_content_type_can_be_buried() -> None:
    async with consuming(raising(UnreadableError("wrong_content_type"))) as bench:
        await (await bench.broker.deliver(b"x", content_type="")).settled
        assert [message.content_type for message in bench.broker.published] == ["application/octet-stream"]


@pytest.mark.parametrize(("attempt", "queue"), [(0, "work.retry.5s"), (1, "work.retry.30s"), (2, "work.retry.5m")])
async def test_a_message_that_failed_for_now_waits_longer_each_time(attempt: int, queue: str) -> None:
    async with consuming(raising(TransientError("table_locked"))) as bench:
        assert await bench.settled(b"fares", Context(attempt=attempt)) == "acknowledged"
        assert bench.sent() == [(queue, b"fares", {"attempt": attempt + 1, "reason": "table_locked"})]


async def test_a_message_that_failed_after_three_tries_is_dead() -> None:
    async with consuming(raising(TransientError("table_locked"))) as bench:
        await bench.settled(b"fares", Context(attempt=3))
        assert bench.sent() == [("work.dead", b"fares", {"reason": "table_locked"})]


@pytest.mark.parametrize(
    ("attempt", "queue", "following"),
    [(0, "work.retry.5s", 1), (1, "work.retry.30s", 1), (2, "work.retry.30s", 2), (3, "work.retry.30s", 3)],
)
async def test_a_part_whose_server_is_away_waits_for_it_again_and_again(
    attempt: int, queue: str, following: int
) -> None:
    async def act(_: Delivery) -> Settlement:
        return Park("shard_unavailable", b"part", "application/json")

    async with consuming(each(act)) as bench:
        assert await bench.settled(b"whole", Context(attempt=attempt)) == "acknowledged"
        assert bench.sent() == [(queue, b"part", {"attempt": following, "reason": "shard_unavailable"})]


async def test_a_retry_may_be_for_a_part_of_the_message_only() -> None:
    async def act(_: Delivery) -> Settlement:
        return Retry("shard_unavailable", b"part", "application/json")

    async with consuming(each(act)) as bench:
        assert await bench.settled(b"whole") == "acknowledged"
        headers = {"attempt": 1, "reason": "shard_unavailable"}
        assert bench.broker.published == [Outgoing("work.retry.5s", b"part", "application/json", headers=headers)]


async def test_a_message_that_is_to_come_again_later_waits_so_long_and_no_try_is_counted() -> None:
    async def act(_: Delivery) -> Settlement:
        return Wait("quota_exceeded", 20.5)

    async with consuming(each(act)) as bench:
        assert await bench.settled(b"whole", Context(attempt=2)) == "acknowledged"
        headers = {"attempt": 2, "reason": "quota_exceeded"}
        waiting = Outgoing("work.wait.1m", b"whole", "text/plain", headers=headers, expiration=20.5)
        assert bench.broker.published == [waiting]


async def test_a_dead_letter_may_be_a_part_of_the_message_and_keeps_the_headers_that_travel() -> None:
    async def act(_: Delivery) -> Settlement:
        return DeadLetter("push_refused", b"part", "application/json")

    async with consuming(each(act)) as bench:
        context = Context("c1", TRACEPARENT, 1, "NYC-LON")
        assert await bench.settled(b"whole", context) == "acknowledged"
        headers = {"cycle": "c1", "traceparent": TRACEPARENT, "route": "NYC-LON", "reason": "push_refused"}
        assert bench.broker.published == [Outgoing("work.dead", b"part", "application/json", headers=headers)]


EVERY_END = (Retry("a", b"1"), Park("b", b"2"), Wait("c", 7, b"3"), DeadLetter("d", b"4"))


async def test_several_parts_of_a_message_have_an_end_each() -> None:
    async def act(_: Delivery) -> Settlement:
        return Several(EVERY_END)

    async with consuming(each(act)) as bench:
        assert await bench.settled(b"whole") == "acknowledged"
        assert bench.sent() == [
            ("work.retry.5s", b"1", {"attempt": 1, "reason": "a"}),
            ("work.retry.5s", b"2", {"attempt": 1, "reason": "b"}),
            ("work.wait.15s", b"3", {"attempt": 0, "reason": "c"}),
            ("work.dead", b"4", {"reason": "d"}),
        ]


async def test_a_message_in_parts_is_not_acknowledged_before_each_of_them_is_confirmed() -> None:
    async def act(_: Delivery) -> Settlement:
        return Several(EVERY_END)

    async with consuming(each(act)) as bench:
        bench.broker.there = False
        message = await bench.broker.deliver(b"whole")
        await bench.broker.refused.wait()
        assert not message.settled.done()
        bench.broker.there = True
        assert await message.settled == "acknowledged"
        assert {body for _, body, _ in bench.sent()} == {b"1", b"2", b"3", b"4"}


async def test_a_route_is_not_kept_waiting_by_the_backlog_of_a_hot_one() -> None:
    """Of 400 messages in hand and one of another route, that one is in the very next call."""
    calls: list[list[str | None]] = []
    held = Held()

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        calls.append([delivery.context.route for delivery in deliveries])
        return await held(deliveries)

    async with consuming(handle, batch_size=5) as bench:
        await bench.broker.deliver(b"first", context=Context(route="NYC-LON"))
        await held.entered.wait()
        for _ in range(400):
            await bench.broker.deliver(b"hot", context=Context(route="NYC-LON"))
        other = await bench.broker.deliver(b"other", context=Context(route="TOS-LYR"))
        held.open.set()
        await other.settled
    assert calls[1] == ["NYC-LON", "TOS-LYR", "NYC-LON", "NYC-LON", "NYC-LON"]


async def test_of_a_batch_with_an_unforeseen_error_only_the_bad_message_is_retried() -> None:
    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        assert not any(delivery.body == b"bad" for delivery in deliveries)
        return [Done()] * len(deliveries)

    async with consuming(handle, batch_size=10) as bench:
        messages = [await bench.broker.deliver(body) for body in (b"a", b"bad", b"b")]
        assert [await message.settled for message in messages] == ["acknowledged"] * 3
        assert bench.sent() == [("work.retry.5s", b"bad", {"attempt": 1, "reason": "unexpected_AssertionError"})]


async def test_a_call_gets_as_many_messages_as_are_there_up_to_the_batch_size() -> None:
    recorder = Recorder()
    async with consuming(recorder, batch_size=2) as bench:
        messages = [await bench.broker.deliver(body) for body in (b"a", b"b", b"c")]
        await asyncio.gather(*(message.settled for message in messages))
    assert recorder.calls == [[b"a", b"b"], [b"c"]]


async def test_a_call_gets_no_further_message_once_it_has_enough_bytes() -> None:
    recorder = Recorder()
    async with consuming(recorder, batch_size=10, batch_bytes=4) as bench:
        messages = [await bench.broker.deliver(body) for body in (b"abc", b"defg", b"hijkl", b"m")]
        await asyncio.gather(*(message.settled for message in messages))
    assert recorder.calls == [[b"abc", b"defg"], [b"hijkl"], [b"m"]]


async def test_while_a_server_is_away_the_work_is_repeated_and_health_says_so() -> None:
    missing: list[list[str]] = []

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        missing.append(bench.health.missing())
        if len(missing) < 3:
            raise UnavailableError("redis")
        return [Done()] * len(deliveries)

    async with consuming(handle) as bench:
        assert await bench.settled(b"fares") == "acknowledged"
        assert missing == [[], ["redis"], ["redis"]]
        assert await bench.settled(b"more") == "acknowledged"
        assert bench.health.missing() == []


async def test_a_message_is_not_acknowledged_before_its_dead_letter_is_confirmed() -> None:
    async with consuming(raising(UnreadableError("not_utf8"))) as bench:
        bench.broker.there = False
        message = await bench.broker.deliver(b"\xff")
        await bench.broker.refused.wait()
        assert not message.settled.done()
        bench.broker.there = True
        assert await message.settled == "acknowledged"
        assert [to for to, _, _ in bench.sent()] == ["work.dead"]


async def test_what_of_a_batch_was_settled_before_the_broker_went_away_is_not_settled_again() -> None:
    calls: list[list[bytes]] = []

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        calls.append([delivery.body for delivery in deliveries])
        bench.broker.there = len(calls) > 1
        return [Done() if delivery.body == b"good" else DeadLetter("bad") for delivery in deliveries]

    async with consuming(handle, batch_size=2) as bench:
        messages = [await bench.broker.deliver(body) for body in (b"good", b"bad")]
        assert [await message.settled for message in messages] == ["acknowledged"] * 2
    assert calls == [[b"good", b"bad"], [b"bad"]]


async def test_a_stop_hands_back_what_was_not_begun_and_finishes_what_was() -> None:
    held = Held()
    async with consuming(held) as bench:
        begun, unbegun = [await bench.broker.deliver(body) for body in (b"begun", b"unbegun")]
        await held.entered.wait()
        bench.stopping.set()
        assert await unbegun.settled == "handed back"
        late = await bench.broker.deliver(b"late")
        assert await late.settled == "handed back"
        assert not begun.settled.done()
        held.open.set()
        await bench.run
        assert begun.settled.result() == "acknowledged"
    assert held.bodies == [b"begun"]


async def test_a_stop_while_a_server_is_away_hands_the_work_back() -> None:
    tried = asyncio.Event()

    async def act(_: Delivery) -> Settlement:
        tried.set()
        raise UnavailableError("redis")

    async with consuming(each(act)) as bench:
        message = await bench.broker.deliver(b"fares")
        await tried.wait()
        bench.stopping.set()
        assert await message.settled == "handed back"


async def test_work_that_outlasts_the_deadline_is_left_to_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.consumer, "DRAIN_DEADLINE_S", 0.01)
    held = Held()
    async with consuming(held) as bench:
        message = await bench.broker.deliver(b"fares")
        await held.entered.wait()
        bench.stopping.set()
        await bench.run
        assert not message.settled.done()


class FatalError(BaseException):
    """No error that a loop could go on after."""


@pytest.mark.parametrize("end", [FatalError(), asyncio.CancelledError()])
async def test_a_worker_task_that_ends_ends_the_run_with_an_error(end: BaseException) -> None:
    """Of two workers one ends; a bare cancellation is what a half-open link leaves behind."""
    bench = Bench(raising(end), concurrency=2, batch_size=1)
    await bench.broker.subscribed.wait()
    message = await bench.broker.deliver(b"fares")
    with pytest.raises(RuntimeError, match="work-0 ended while the service runs"):
        await bench.run
    assert not message.settled.done()


async def test_a_subscription_that_ends_ends_the_run_with_an_error() -> None:
    bench = Bench(Recorder(), concurrency=1, batch_size=1)
    await bench.broker.subscribed.wait()
    bench.broker.subscription.failure.set_exception(UnavailableError("rabbitmq", "cannot consume work"))
    with pytest.raises(RuntimeError, match="fake subscription ended while the service runs") as ended:
        await bench.run
    assert isinstance(ended.value.__cause__, UnavailableError)


async def test_a_message_whose_channel_is_lost_is_left_to_the_broker() -> None:
    recorder = Recorder(UnavailableError("redis"))

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        lost.lost = lost.lost or deliveries[0].body == b"lost"
        return await recorder(deliveries)

    async with consuming(handle) as bench:
        lost = await bench.broker.deliver(b"lost")
        assert await bench.settled(b"next") == "acknowledged"
        assert not lost.settled.done()
    assert recorder.calls == [[b"lost"], [b"next"]]


async def test_a_consumer_is_busy_while_it_has_messages_in_hand() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def linger(_: Delivery) -> Settlement:
        begun.set()
        await go_on.wait()
        return Done()

    async with consuming(each(linger)) as bench:
        busy = [bench.consumer.busy]
        first, second = [await bench.broker.deliver(body) for body in (b"1", b"2")]
        await begun.wait()
        busy.append(bench.consumer.busy)
        go_on.set()
        await asyncio.gather(first.settled, second.settled)
    assert [*busy, bench.consumer.busy] == [False, True, False]
