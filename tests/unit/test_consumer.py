"""The consumer loop against a fake broker: every message is settled by what became of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

import shared.consumer
from shared.broker.outgoing import Outgoing
from shared.deliveries import Context, DeadLetter, Delivery, Done, Park, Retry, Settlement, Several, Wait
from shared.errors import TransientError, UnavailableError, UnreadableError
from tests.unit.consuming import Recorder, consuming, each, raising, undated

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that waits for a server tries again at once."""
    monkeypatch.setattr(shared.consumer, "_FIRST_WAIT_S", 0.0)


async def test_what_was_handled_is_acknowledged_and_nothing_is_published() -> None:
    async with consuming(Recorder()) as bench:
        assert await bench.settled(b"fares") == "acknowledged"
        assert bench.sent() == []


async def test_an_unreadable_message_goes_to_the_dead_letters_with_its_reason() -> None:
    async with consuming(raising(UnreadableError("not_utf8", "byte 7"))) as bench:
        context = Context(cycle="c1", traceparent=TRACEPARENT)
        assert await bench.settled(b"\xff", context) == "acknowledged"
        headers = {"cycle": "c1", "traceparent": TRACEPARENT, "reason": "not_utf8", "tries": 1}
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
        assert bench.sent() == [("work.dead", b"fares", {"reason": "table_locked", "tries": 4})]


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
        assert bench.broker.published == [
            Outgoing("work.retry.5s", b"part", "application/json", "work.redelivery", headers=headers)
        ]


async def test_a_message_that_is_to_come_again_later_waits_so_long_and_no_try_is_counted() -> None:
    async def act(_: Delivery) -> Settlement:
        return Wait("quota_exceeded", 20.5)

    async with consuming(each(act)) as bench:
        assert await bench.settled(b"whole", Context(attempt=2)) == "acknowledged"
        headers = {"attempt": 2, "reason": "quota_exceeded"}
        waiting = Outgoing("work.wait.1m", b"whole", "text/plain", "work.redelivery", headers=headers, expiration=20.5)
        assert bench.broker.published == [waiting]


async def test_a_dead_letter_may_be_a_part_of_the_message_and_keeps_the_headers_that_travel() -> None:
    async def act(_: Delivery) -> Settlement:
        return DeadLetter("push_refused", b"part", "application/json")

    async with consuming(each(act)) as bench:
        context = Context("c1", TRACEPARENT, 1, "NYC-LON")
        assert await bench.settled(b"whole", context) == "acknowledged"
        headers = {"cycle": "c1", "traceparent": TRACEPARENT, "route": "NYC-LON", "reason": "push_refused", "tries": 2}
        (dead,) = bench.broker.published
        assert replace(dead, headers=undated(dead.headers)) == Outgoing(
            "work.dead", b"part", "application/json", "work.redelivery", headers=headers
        )


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
            ("work.dead", b"4", {"reason": "d", "tries": 1}),
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
