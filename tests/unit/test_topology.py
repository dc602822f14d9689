"""Every queue has its place, its limits and a way back."""

import re

import pytest

from shared.topology import (
    ALERTS_EVALUATE,
    CHANGES_ALERTS,
    EXCHANGES,
    FARES_INGEST,
    LANES,
    NOTIFICATIONS_STANDARD,
    NOTIFICATIONS_URGENT,
    RETRY_DELAYS,
    WORK_QUEUES,
    Bound,
    WorkQueue,
    policies,
)

ALL_QUEUES = [name for queue in WORK_QUEUES for name in queue.all_names]


def test_a_work_queue_comes_with_its_retry_queues_and_its_dead_letters() -> None:
    assert FARES_INGEST.all_names == [
        "fares.ingest",
        "fares.ingest.retry.5s",
        "fares.ingest.retry.30s",
        "fares.ingest.retry.5m",
        "fares.ingest.dead",
    ]
    assert len(ALL_QUEUES) == len(set(ALL_QUEUES))


def test_a_lane_comes_with_waiting_queues_too() -> None:
    assert NOTIFICATIONS_URGENT.all_names == [
        "notifications.urgent",
        "notifications.urgent.retry.5s",
        "notifications.urgent.retry.30s",
        "notifications.urgent.retry.5m",
        "notifications.urgent.wait.15s",
        "notifications.urgent.wait.1m",
        "notifications.urgent.wait.4m",
        "notifications.urgent.wait.15m",
        "notifications.urgent.dead",
    ]
    assert all(queue.waits == NOTIFICATIONS_URGENT.waits for queue in LANES.values())


@pytest.mark.parametrize(
    ("seconds", "queue", "waited"),
    [
        (-1, "15s", 0.001),
        (0, "15s", 0.001),
        (0.5, "15s", 0.5),
        (15, "15s", 15),
        (15.001, "1m", 15.001),
        (60, "1m", 60),
        (240, "4m", 240),
        (241, "15m", 241),
        (900, "15m", 900),
        (3_600, "15m", 900),
    ],
)
def test_a_message_waits_in_the_first_queue_that_keeps_it_long_enough(
    seconds: float, queue: str, waited: float
) -> None:
    assert NOTIFICATIONS_URGENT.wait(seconds) == (f"notifications.urgent.wait.{queue}", waited)


def test_a_message_waits_longer_each_time_and_is_dead_after_three_tries() -> None:
    assert [FARES_INGEST.retry(attempt) for attempt in range(5)] == [
        "fares.ingest.retry.5s",
        "fares.ingest.retry.30s",
        "fares.ingest.retry.5m",
        None,
        None,
    ]
    assert [delay.milliseconds for delay in RETRY_DELAYS] == [5_000, 30_000, 300_000]


def test_exactly_one_policy_holds_for_each_queue() -> None:
    """RabbitMQ applies one policy to a queue: a second that matches would silently win or lose."""
    for queue in ALL_QUEUES:
        assert [policy.name for policy in policies() if re.search(policy.pattern, queue)] == [queue]


def test_no_policy_holds_for_a_strangers_queue() -> None:
    for name in ("faresXingest", "fares.ingest.retry.5s.old", "my.fares.ingest", "celery"):
        assert not [policy for policy in policies() if re.search(policy.pattern, name)]


def test_what_waits_comes_back_and_what_fails_for_ever_is_kept() -> None:
    definitions = {policy.name: policy.definition for policy in policies()}
    for queue in WORK_QUEUES:
        assert definitions[queue.name]["dead-letter-routing-key"] == queue.dead
        assert definitions[queue.name]["delivery-limit"] == 20
        for name, delay in queue.delayed:
            assert definitions[name]["dead-letter-routing-key"] == queue.name
            assert definitions[name]["message-ttl"] == delay.milliseconds
        assert not {"dead-letter-exchange", "message-ttl"} & definitions[queue.dead].keys()
        assert definitions[queue.dead]["delivery-limit"] == 1_000_000_000, "each look at a dead letter is a delivery"


def test_dead_lettering_loses_nothing() -> None:
    for policy in policies():
        assert policy.definition["overflow"] == "reject-publish"
        if "dead-letter-exchange" in policy.definition:
            assert policy.definition["dead-letter-exchange"] == ""
            assert policy.definition["dead-letter-strategy"] == "at-least-once"


def test_every_queue_is_bounded_as_the_one_whose_messages_it_holds() -> None:
    definitions = {policy.name: policy.definition for policy in policies()}
    for queue in WORK_QUEUES:
        for name in queue.all_names:
            bound = (definitions[name]["max-length-bytes"], definitions[name]["max-length"])
            assert bound == (queue.bound.bytes, queue.bound.messages)


@pytest.mark.parametrize(
    ("queue", "needed"),
    [
        (FARES_INGEST, Bound(2 * 4_000 * 400_000, 2 * 4_000)),  # two cycles in messages of 10,000 fares
        (CHANGES_ALERTS, Bound(40_000_000 * 108, 4_000)),  # a cycle of fares that were never seen
        (NOTIFICATIONS_STANDARD, Bound(24 * 200_000 * 584, 24 * 200_000 * 10 // 26)),  # a day of notices
        (ALERTS_EVALUATE, Bound(5_000_000 * 71, 10_000)),  # every alert there is
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_queue_holds_what_may_pile_up_in_it(queue: WorkQueue, needed: Bound) -> None:
    assert queue.bound.bytes >= needed.bytes
    assert queue.bound.messages >= needed.messages


def test_exchanges_lead_to_work_queues() -> None:
    bindings = {exchange.name: (exchange.kind, exchange.bindings) for exchange in EXCHANGES}
    assert {name: found for name, found in bindings.items() if not name.endswith(".redelivery")} == {
        "live_fares": ("fanout", (("", "fares.live"),)),
        "fares": ("fanout", (("", "fares.ingest"),)),
        "changes": ("fanout", (("", "changes.alerts"), ("", "changes.history"))),
        "evaluations": ("fanout", (("", "alerts.evaluate"),)),
        "notifications": (
            "direct",
            (
                ("urgent", "notifications.urgent"),
                ("standard", "notifications.standard"),
                ("digest", "notifications.digest"),
            ),
        ),
    }


def test_each_work_queue_has_an_exchange_that_leads_to_all_its_other_queues() -> None:
    bindings = {exchange.name: (exchange.kind, exchange.bindings) for exchange in EXCHANGES}
    for queue in WORK_QUEUES:
        others = [name for name in queue.all_names if name != queue.name]
        assert bindings[queue.redelivery] == ("direct", tuple((name, name) for name in others))
