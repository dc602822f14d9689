"""The newest look as metrics: what no service can say of itself."""

import math

from fleet.status.snapshot import Snapshot
from shared import metrics
from shared.cycles import Stage

_ALARMS = ("memory", "disk")


def show(snapshot: Snapshot) -> None:
    """Set all gauges. What is not known now is left out: an old number would look like a new one."""
    for gauge in (
        metrics.QUEUE_MESSAGES,
        metrics.QUEUE_CONSUMERS,
        metrics.BROKER_ALARMS,
        metrics.SERVER_UP,
        metrics.PARTITIONS_AHEAD_DAYS,
        metrics.CYCLE_DOCUMENTS,
    ):
        gauge.clear()
    _show_queues(snapshot)
    _show_servers(snapshot)
    _show_cycle(snapshot)


def _show_queues(snapshot: Snapshot) -> None:
    for name, queue in snapshot.queues.items():
        metrics.QUEUE_MESSAGES.labels(name, "ready").set(queue.ready)
        metrics.QUEUE_MESSAGES.labels(name, "in_hand").set(queue.in_hand)
    for work in snapshot.work:  # nobody consumes from the others
        if work.consumers is not None:
            metrics.QUEUE_CONSUMERS.labels(work.queue).set(work.consumers)


def _show_servers(snapshot: Snapshot) -> None:
    for server in snapshot.servers:
        metrics.SERVER_UP.labels(server.name).set(server.up)
    if snapshot.nodes:
        for alarm in _ALARMS:
            metrics.BROKER_ALARMS.labels(alarm).set(sum(alarm in node.alarms for node in snapshot.nodes))
    for place, days in snapshot.days_ahead.items():
        metrics.PARTITIONS_AHEAD_DAYS.labels(*place.split(".")).set(days)


def _show_cycle(snapshot: Snapshot) -> None:
    if snapshot.cycle is None:
        metrics.CYCLE_AGE_SECONDS.set(math.nan)
    else:
        for stage in Stage:
            metrics.CYCLE_DOCUMENTS.labels(stage.value).set(snapshot.cycle.counts.get(stage.value, 0))
        metrics.CYCLE_AGE_SECONDS.set((snapshot.at - snapshot.cycle.started).total_seconds())
