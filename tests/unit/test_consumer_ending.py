"""How the consumer loop ends: a stop leaves no message behind, and no other end is silent."""

import asyncio

import pytest

import shared.consumer
from shared.consumer import Consumer
from shared.deliveries import Delivery, Settlement
from shared.errors import UnavailableError
from shared.fakes import FakeBroker
from shared.health import Health
from tests.unit.consuming import QUEUE, Bench, Held, Recorder, consuming, each, raising


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


async def test_either_of_two_events_ends_the_run() -> None:
    for told in range(2):
        broker, ends = FakeBroker(), [asyncio.Event(), asyncio.Event()]
        run = asyncio.create_task(Consumer(broker, QUEUE, Recorder(), Health()).run(*ends))
        await broker.subscribed.wait()
        ends[told].set()
        await run


async def test_what_is_not_possible_any_more_once_it_is_told_to_stop_is_no_fault_of_a_server() -> None:
    """The work is handed back, and health has nothing to say: the stop has made it so."""

    async def act(_: Delivery) -> Settlement:
        bench.stopping.set()
        raise UnavailableError("push_gateway", "pushes_stopped")

    async with consuming(each(act)) as bench:
        assert await bench.settled(b"notice") == "handed back"
        assert bench.health.missing() == []


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
