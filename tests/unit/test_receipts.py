"""Reading an app's receipts."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.alerts_api.notifications.receipts import Reported, bounded, read
from services.alerts_api.notifications.resources import Receipt

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ONE, OTHER = UUID(int=1), UUID(int=2)


def ago(minutes: int) -> datetime:
    return NOW - timedelta(minutes=minutes)


def test_the_earliest_of_each_event_counts_in_whatever_order_they_come() -> None:
    receipts = [
        Receipt(ONE, "delivered", ago(9)),
        Receipt(ONE, "delivered", ago(8)),
        Receipt(ONE, "opened", ago(7)),
        Receipt(ONE, "opened", ago(6)),
        Receipt(ONE, "read", ago(5)),
        Receipt(OTHER, "delivered", ago(4)),
    ]
    expected = {ONE: Reported(ago(9), ago(7), ago(5)), OTHER: Reported(ago(4))}
    for seed in range(20):
        shuffled = random.Random(seed).sample(receipts, len(receipts))  # noqa: S311 - an order, no secret
        assert expected == read(shuffled, NOW).reported


def test_what_was_opened_was_delivered_by_then_and_what_was_read_need_not_have_been() -> None:
    receipts = [Receipt(ONE, "opened", ago(3)), Receipt(OTHER, "read", ago(3))]
    assert read(receipts, NOW).reported == {ONE: Reported(ago(3), ago(3)), OTHER: Reported(read_at=ago(3))}


def test_a_clock_a_little_ahead_is_believed_to_be_now_and_one_further_ahead_not_at_all() -> None:
    receipts = [Receipt(ONE, "delivered", ago(-6)), Receipt(ONE, "delivered", ago(-5)), Receipt(OTHER, "read", ago(-6))]
    reading = read(receipts, NOW)
    assert reading.reported == {ONE: Reported(NOW)}
    assert (reading.believed, reading.refused) == ([ONE], [0, 2])


def test_what_happened_before_computers_did_is_as_early_as_can_be() -> None:
    assert bounded(datetime.min.replace(tzinfo=UTC), NOW) == datetime(1970, 1, 1, tzinfo=UTC)
