"""What is published of a message that is not done says what whoever finds it needs to know."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client import REGISTRY

from shared.broker.outgoing import Outgoing
from shared.deliveries import Context, DeadLetter, Delivery, Park, Retry, Unfinished, Wait
from shared.redelivery import redeliveries
from shared.topology import NOTIFICATIONS_STANDARD
from tests.unit.consuming import QUEUE, consuming, each

NOW = datetime(2026, 12, 24, 6, 30, 15, 250_999, UTC)


class Nobody:
    """Settles nothing."""

    lost = False

    async def ack(self) -> None:
        raise AssertionError

    async def hand_back(self) -> None:
        raise AssertionError


def redelivered(settlement: Unfinished, context: Context) -> Outgoing:
    delivery = Delivery(b"whole", "application/json", context, "the-id", Nobody())
    (outgoing,) = redeliveries(NOTIFICATIONS_STANDARD, delivery, settlement, NOW)
    return outgoing


@pytest.mark.parametrize(("context", "tries"), [(Context(), 1), (Context(attempt=2), 3)])
def test_a_dead_letter_says_why_and_when_it_died_and_after_how_many_tries(context: Context, tries: int) -> None:
    dead = redelivered(DeadLetter("not_utf8"), context)
    assert dead.headers == {"reason": "not_utf8", "died_at": "2026-12-24T06:30:15.250+00:00", "tries": tries}


def test_a_message_that_is_out_of_tries_says_the_same() -> None:
    dead = redelivered(Retry("board_unreadable"), Context(attempt=3))
    assert dead.routing_key == NOTIFICATIONS_STANDARD.dead
    assert dead.headers == {"reason": "board_unreadable", "died_at": "2026-12-24T06:30:15.250+00:00", "tries": 4}


@pytest.mark.parametrize("settlement", [Retry("a"), Park("b"), Wait("c", 3), DeadLetter("d")])
def test_how_often_it_was_brought_back_stays_with_a_message_wherever_it_goes(settlement: Unfinished) -> None:
    assert (redelivered(settlement, Context(redrives=2)).headers or {})["redrives"] == 2
    assert "redrives" not in (redelivered(settlement, Context()).headers or {})


@pytest.mark.parametrize("settlement", [Retry("a"), Park("b"), Wait("c", 3), DeadLetter("d")])
def test_a_whole_message_keeps_its_id_and_what_is_left_of_one_gets_its_own(settlement: Unfinished) -> None:
    assert redelivered(settlement, Context()).message_id == "the-id"
    assert redelivered(replace(settlement, body=b"part"), Context()).message_id is None


@pytest.mark.parametrize(
    ("settlement", "metric"), [(DeadLetter("d"), "farelark_dead_letters_total"), (Retry("a"), "farelark_retries_total")]
)
async def test_what_is_published_at_the_second_try_is_counted_once(settlement: Unfinished, metric: str) -> None:
    async def settle(_: Delivery) -> Unfinished:
        return settlement

    labels = {"queue": QUEUE.name, "reason": settlement.reason}
    before = REGISTRY.get_sample_value(metric, labels) or 0
    async with consuming(each(settle)) as bench:
        bench.broker.there = False
        acknowledger = await bench.broker.deliver(b"fares")
        await bench.broker.refused.wait()
        bench.broker.there = True
        await acknowledger.settled
    assert REGISTRY.get_sample_value(metric, labels) == before + 1


@pytest.mark.parametrize("redrives", [-1, 1.0, True, "1", None, [1]])
def test_a_forged_count_of_redrives_is_none(redrives: object) -> None:
    assert Context.read({"redrives": redrives}).redrives == 0
