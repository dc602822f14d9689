"""Snapshots of an invented fleet: all is well in it but for what a test changes."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from fleet.status.exposition import ROWS
from fleet.status.snapshot import Node, Process, Progress, Queue, Server, Snapshot, Spool, Stage, Work
from shared.broker_users import ACCESSES

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SERVERS = ("rabbitmq", "redis", "accounts", "shard0", "shard1")


def healthy(**changes: Any) -> Snapshot:  # noqa: ANN401  # fields of a snapshot
    """A fleet at work, with these fields changed."""
    counts = {"published": 1_000, "compared": 900, "changed": 200, "matched": 150, "claimed": 12, "told": 10}
    snapshot = Snapshot(
        at=NOW,
        rates_over_seconds=10.0,
        stages=[
            Stage(access.service, ROWS[access.service][0], 118_402.0, [work(queue.name) for queue in access.consumes])
            for access in ACCESSES
            if access.service in ROWS
        ],
        queues={queue.name: Queue(0, 0, 1) for access in ACCESSES for queue in access.consumes},
        servers=[Server(name, up=True, milliseconds=2.5) for name in SERVERS],
        nodes=[Node("rabbit@a", running=True, alarms=[])],
        processes=[process(access.service) for access in ACCESSES],
        breakers=[],
        pushes_stopped=False,
        cycle=Progress("morning", NOW - timedelta(minutes=1), counts, 12.0),
        rates={"shard0": date(2026, 11, 20), "shard1": date(2026, 11, 20)},
        days_ahead={"accounts.notifications": 14, "shard0.price_history": 800},
        spool=Spool(0, 0.0),
    )
    return replace(snapshot, **changes)


def work(queue: str, **changes: Any) -> Work:  # noqa: ANN401  # fields of a queue's work
    """A queue that is worked off as it fills."""
    idle = Work(
        queue,
        ready=3,
        in_hand=2,
        messages_per_second=10.0,
        oldest_price_age_seconds=1.5,
        consumers=1,
        retry=0,
        dead=0,
    )
    return replace(idle, **changes)


def with_work(snapshot: Snapshot, queue: str, **changes: Any) -> Snapshot:  # noqa: ANN401  # as above
    """The same with another state of one queue."""

    def changed(works: Iterable[Work]) -> list[Work]:
        return [replace(each, **changes) if each.queue == queue else each for each in works]

    return replace(snapshot, stages=[replace(stage, queues=changed(stage.queues)) for stage in snapshot.stages])


def process(name: str, *, ready: bool = True, missing: list[str] | None = None, pid: int = 4711) -> Process:
    """One process; an unready one that misses nothing does not answer."""
    return Process(name, pid, "10.0.0.7:9100", ready, [] if ready else missing)


def away(snapshot: Snapshot, *names: str) -> Snapshot:
    """The same without these servers."""
    servers = [
        replace(server, up=False, milliseconds=None, problem="no answer within 1.5 s")
        if server.name in names
        else server
        for server in snapshot.servers
    ]
    return replace(snapshot, servers=servers)
