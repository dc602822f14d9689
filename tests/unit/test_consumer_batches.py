"""Which messages the consumer loop hands over in one call, and what of a call that failed comes again."""

import asyncio
from collections.abc import Sequence

import pytest

import shared.consumer
from shared.deliveries import Context, DeadLetter, Delivery, Done, Settlement
from tests.unit.consuming import Held, Recorder, consuming


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that waits for a server tries again at once."""
    monkeypatch.setattr(shared.consumer, "_FIRST_WAIT_S", 0.0)


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
