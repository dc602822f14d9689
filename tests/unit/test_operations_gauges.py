"""A look as metrics."""

import math
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from fleet.operating.gauges import show
from fleet.status.snapshot import Node, Queue
from shared import metrics
from tests.unit.snapshots import away, healthy, with_work


@pytest.fixture(autouse=True)
def no_gauges_left() -> Iterator[None]:
    """They are of the whole process that runs tests."""
    yield
    for metric in metrics.OWN["operations"]:
        metric.clear()


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"farelark_{name}", labels)


def test_a_look_is_shown_whole() -> None:
    alarmed = Node("rabbit@b", running=True, alarms=["disk"])
    queues = {"fares.ingest": Queue(24, 8, 2), "fares.ingest.dead": Queue(3, 0, 0)}
    show(with_work(healthy(queues=queues, nodes=[alarmed, *healthy().nodes]), "fares.ingest", consumers=2))
    assert value("queue_messages", queue="fares.ingest", state="ready") == 24
    assert value("queue_messages", queue="fares.ingest", state="in_hand") == 8
    assert value("queue_messages", queue="fares.ingest.dead", state="ready") == 3
    assert value("queue_consumers", queue="fares.ingest") == 2
    assert value("queue_consumers", queue="fares.ingest.dead") is None
    assert (value("broker_alarms", alarm="disk"), value("broker_alarms", alarm="memory")) == (1, 0)
    assert value("server_up", server="shard1") == 1
    assert value("partitions_ahead_days", database="accounts", table="notifications") == 14
    assert (value("cycle_documents", stage="published"), value("cycle_documents", stage="told")) == (1_000, 10)
    assert value("cycle_age_seconds") == 60


def test_what_is_not_known_any_more_is_not_shown_any_more() -> None:
    show(healthy())
    blind = away(healthy(queues={}, nodes=[], cycle=None, days_ahead={}), "rabbitmq", "redis")
    for work in blind.work:
        blind = with_work(blind, work.queue, ready=None, consumers=None)
    show(blind)
    assert value("server_up", server="rabbitmq") == 0
    assert value("queue_messages", queue="fares.ingest", state="ready") is None
    assert value("queue_consumers", queue="fares.ingest") is None
    assert value("broker_alarms", alarm="memory") is None
    assert value("partitions_ahead_days", database="accounts", table="notifications") is None
    assert value("cycle_documents", stage="published") is None
    assert math.isnan(value("cycle_age_seconds") or 0)
