"""Puts what the parts of a fleet have answered together into one snapshot."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from fleet.status.exposition import ROWS, Told
from fleet.status.pace import Pace, seconds_left
from fleet.status.probes import Answers
from fleet.status.snapshot import Process, Progress, Queue, Snapshot, Spool, Stage, Work
from shared.broker_users import ACCESSES
from shared.cycles import Cycle
from shared.topology import WorkQueue


def assemble(
    now: datetime,
    answers: Answers,
    processes: Sequence[tuple[Process, Told]],
    days_ahead: dict[str, int],
    pace: Pace,
) -> Snapshot:
    """The snapshot of this moment; `pace` has seen this look."""
    told = [each for _, each in processes]
    queues = answers.broker.queues
    return Snapshot(
        at=now,
        rates_over_seconds=round(pace.seconds, 3),
        stages=[
            _stage(access.service, [_work(queue, queues, told, pace) for queue in access.consumes], pace)
            for access in ACCESSES
            if access.service in ROWS
        ],
        queues=queues,
        servers=answers.servers,
        nodes=answers.broker.nodes,
        processes=[process for process, _ in processes],
        breakers=sorted({breaker for each in told for breaker in each.breakers}),
        pushes_stopped=any(each.pushes_stopped for each in told),
        cycle=_progress(answers.cycle, now, pace) if answers.cycle else None,
        rates=answers.rates,
        days_ahead=days_ahead,
        spool=_spool(told),
        sources_stopped=sorted({source for each in told for source in each.sources_stopped}),
    )


def cycle_counter(cycle: str, stage: str) -> str:
    """The name under which the pace knows a stage of a cycle."""
    return f"{cycle} {stage}"


def _stage(service: str, works: list[Work], pace: Pace) -> Stage:
    rows, metric = ROWS[service]
    return Stage(service, rows, pace.per_second(metric), works)


def _work(queue: WorkQueue, queues: Mapping[str, Queue], told: Sequence[Told], pace: Pace) -> Work:
    itself, dead = queues.get(queue.name), queues.get(queue.dead)
    behind = [queues[name].ready for name, _ in queue.delayed if name in queues]
    return Work(
        queue=queue.name,
        ready=itself.ready if itself else None,
        in_hand=itself.in_hand if itself else None,
        messages_per_second=pace.per_second(queue.name),
        oldest_price_age_seconds=max((each.ages.get(queue.name, 0.0) for each in told), default=0.0),
        consumers=itself.consumers if itself else None,
        retry=sum(behind) if behind else None,
        dead=dead.ready + dead.in_hand if dead else None,
    )


def _spool(told: Sequence[Told]) -> Spool | None:
    """All gateways tell of the one spool, each as it last saw it."""
    seen = [Spool(each.spooled, each.spool_age) for each in told if each.spooled is not None]
    return max(seen, key=lambda spool: spool.batches, default=None)


def _progress(cycle: Cycle, now: datetime, pace: Pace) -> Progress:
    counts = {stage.value: number for stage, number in cycle.counts.items()}
    rates = {stage: pace.per_second(cycle_counter(cycle.id, stage)) for stage in counts}
    left = seconds_left(counts, rates, (now - cycle.started).total_seconds())
    return Progress(cycle.id, cycle.started, counts, left, cycle.swept)
