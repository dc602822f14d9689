"""What is late or wrong in a fleet, in words, by one snapshot of it; pure, so that every threshold can be tested.

The runbook of a finding is `docs/runbooks/<runbook>.md`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final

from fleet.status.figures import duration
from fleet.status.runbooks import runbook_of
from fleet.status.snapshot import Process, Snapshot, Work
from shared.topology import CHANGES_HISTORY, LANES

# A push is to come within a minute of its fare's observation.
LATE_S: Final = 60.0
# Nobody waits for the history, but who looks at a chart expects the last hour in it.
_HISTORY_LATE_S: Final = 1_800.0
# No batch takes so long: a queue from which nothing is taken in this time stands still.
STILL_S: Final = 5.0
# As Prometheus' rules have it: of 14 days half are left; fares depart up to 732 days ahead, and 27 months are made.
FEWEST_DAYS: Final = {"notifications": 7, "price_history": 760}

_LANES: Final = {queue.name for queue in LANES.values()}
# Without these every push comes all the same.
_BESIDE_THE_CHAIN: Final = ("operations", "history_worker", CHANGES_HISTORY.name)


class Severity(StrEnum):
    """How bad it is; the worst is the state of the fleet."""

    DEGRADED = "degraded"  # something is late, or a part of it waits
    DOWN = "down"  # a stage, or the API, stands still


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is late or wrong."""

    severity: Severity
    text: str
    runbook: str


def late_after(queue: str) -> float:
    """So many seconds after its sighting a price that is still in this queue is late."""
    return _HISTORY_LATE_S if queue == CHANGES_HISTORY.name else LATE_S


def findings(snapshot: Snapshot) -> list[Finding]:
    """All that is late or wrong, the worst first."""
    found = chain.from_iterable(judge(snapshot) for judge in _JUDGES)
    return sorted(found, key=lambda finding: finding.severity is not Severity.DOWN)


def state(found: Iterable[Finding]) -> str:
    """`ok`, `degraded` or `down`."""
    severities = {finding.severity for finding in found}
    return next((severity.value for severity in (Severity.DOWN, Severity.DEGRADED) if severity in severities), "ok")


def _servers(snapshot: Snapshot) -> Iterator[Finding]:
    shards = [server for server in snapshot.servers if server.name.startswith("shard")]
    no_shard = not any(shard.up for shard in shards)
    for server in snapshot.servers:
        if not server.up:
            partly = server in shards and not no_shard
            text = f"{server.name} is away: {server.problem}" + ("; its routes wait" if partly else "")
            yield Finding(Severity.DEGRADED if partly else Severity.DOWN, text, runbook_of(server.name))


def _broker(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.nodes:
        if not node.running:
            yield Finding(Severity.DEGRADED, f"RabbitMQ's node {node.name} is not running", "broker-down")
        for alarm in node.alarms:
            text = f"RabbitMQ is out of {alarm} on {node.name}: it takes no messages from anybody"
            yield Finding(Severity.DOWN, text, "broker-alarm")
    if snapshot.queues:
        for work in snapshot.work:
            if work.ready is None:
                text = f"{work.queue}: there is no such queue; `./farelark topology apply` makes it"
                yield Finding(Severity.DOWN, text, "broker-down")


def _processes(snapshot: Snapshot) -> Iterator[Finding]:
    services: dict[str, list[Process]] = {}
    for process in snapshot.processes:
        services.setdefault(process.service, []).append(process)
    for service, processes in sorted(services.items()):
        unready = [process for process in processes if not process.ready]
        severity = _standstill_of(service) if len(unready) == len(processes) else Severity.DEGRADED
        of_many = f" ({len(unready)} of {len(processes)})" if len(processes) > 1 else ""
        for why, missing in sorted({_why_unready(process): process.missing or [] for process in unready}.items()):
            yield Finding(severity, f"{service}{of_many} {why}", runbook_of(*missing, service))


def _why_unready(process: Process) -> str:
    if process.missing is None:
        return "does not answer"
    return f"waits for {', '.join(process.missing)}" if process.missing else "is not ready"


def _consumers(snapshot: Snapshot) -> Iterator[Finding]:
    for work in snapshot.work:
        if work.ready and work.consumers == 0 and not _rests(snapshot, work):
            text = f"{work.queue}: {work.ready:,} waiting and nobody consumes them"
            yield Finding(_standstill_of(work.queue), text, "no-consumers")


def _lateness(snapshot: Snapshot) -> Iterator[Finding]:
    for work in snapshot.work:
        runbook = "history-behind" if work.queue == CHANGES_HISTORY.name else "backlog"
        if work.oldest_price_age_seconds > late_after(work.queue):
            text = f"{work.queue}: the oldest price in work is {duration(work.oldest_price_age_seconds)} old"
            yield Finding(Severity.DEGRADED, text, runbook)
        if work.ready and work.consumers != 0 and not _rests(snapshot, work) and (late := _late(snapshot, work)):
            yield Finding(Severity.DEGRADED, f"{work.queue}: {work.ready:,} waiting, {late}", runbook)


def _late(snapshot: Snapshot, work: Work) -> str | None:
    """What is wrong with how a queue is worked off, if anything."""
    if work.messages_per_second is None:
        return None
    if not work.messages_per_second:
        return "and none is settled" if snapshot.rates_over_seconds >= STILL_S else None
    assert work.ready, "only of queues where something waits"
    seconds = work.ready / work.messages_per_second
    return f"{duration(seconds)} at the present rate" if seconds > late_after(work.queue) else None


def _dead_letters(snapshot: Snapshot) -> Iterator[Finding]:
    for work in snapshot.work:
        if work.dead:
            letters = "1 dead letter" if work.dead == 1 else f"{work.dead:,} dead letters"
            yield Finding(Severity.DEGRADED, f"{work.queue}: {letters}", "dead-letters")


def _gateway(snapshot: Snapshot) -> Iterator[Finding]:
    if (spool := snapshot.spool) and spool.age_seconds > LATE_S:
        batches = "1 batch lies" if spool.batches == 1 else f"{spool.batches:,} batches lie"
        text = f"{batches} in the gateways' spool, the oldest for {duration(spool.age_seconds)}"
        yield Finding(Severity.DEGRADED, text, "spool-growing")
    for source in snapshot.sources_stopped:
        text = f"the source {source} is stopped: it is not polled until somebody has looked"
        yield Finding(Severity.DEGRADED, text, "source-stopped")


def _breakers(snapshot: Snapshot) -> Iterator[Finding]:
    for breaker in snapshot.breakers:
        text = f"the circuit breaker of {breaker} is open: it failed several times in a row"
        yield Finding(Severity.DEGRADED, text, runbook_of(breaker))


def _pushes(snapshot: Snapshot) -> Iterator[Finding]:
    if snapshot.pushes_stopped:
        yield Finding(Severity.DEGRADED, "pushes are stopped by hand: notices wait", "pushes-stopped")


def _partitions(snapshot: Snapshot) -> Iterator[Finding]:
    for place, days in snapshot.days_ahead.items():
        if days < FEWEST_DAYS[place.rpartition(".")[2]]:
            text = f"{place}: partitions for {days} more days only; `./farelark partitions` makes them"
            yield Finding(Severity.DEGRADED, text, "partitions-running-out")


_JUDGES: Final[tuple[Callable[[Snapshot], Iterable[Finding]], ...]] = (
    _servers,
    _broker,
    _consumers,
    _processes,
    _gateway,
    _lateness,
    _breakers,
    _pushes,
    _dead_letters,
    _partitions,
)


def _standstill_of(what: str) -> Severity:
    """How bad it is that a service, or the work on a queue, stands still."""
    return Severity.DEGRADED if what in _BESIDE_THE_CHAIN else Severity.DOWN


def _rests(snapshot: Snapshot, work: Work) -> bool:
    """Whether a queue is left alone on purpose."""
    return snapshot.pushes_stopped and work.queue in _LANES
