"""What is published of a message that is not done: it waits to come again, or lies among the dead letters."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from shared import metrics
from shared.broker.outgoing import Outgoing
from shared.dead_letters import DIED_AT, REASON, REDRIVES, TRIES
from shared.deliveries import DeadLetter, Delivery, Done, Park, Retry, Settlement, Several, Unfinished, Wait
from shared.topology import WorkQueue


def redeliveries(queue: WorkQueue, delivery: Delivery, settlement: Settlement, now: datetime) -> list[Outgoing]:
    """What is to be published before a message of the queue is acknowledged."""
    match settlement:
        case Done():
            return []
        case Several(parts):
            return [_redelivery(queue, delivery, part, now) for part in parts]
        case part:
            return [_redelivery(queue, delivery, part, now)]


def count_redelivered(queue: WorkQueue, messages: Iterable[Outgoing]) -> None:
    """Count what has been published: no sooner, for until it is confirmed it is tried again and again."""
    for message in messages:
        assert message.headers, "each says why"
        metric = metrics.DEAD_LETTERS if message.routing_key == queue.dead else metrics.RETRIES
        metric.labels(queue.name, message.headers[REASON]).inc()


def _redelivery(queue: WorkQueue, delivery: Delivery, part: Unfinished, now: datetime) -> Outgoing:
    attempt = delivery.context.attempt
    match part:
        case Retry() if to := queue.retry(attempt):
            return _outgoing(queue, delivery, part, to, {"attempt": attempt + 1})
        case Park() if to := queue.retry(min(attempt, 1)):
            return _outgoing(queue, delivery, part, to, {"attempt": max(attempt, 1)})
        case Wait(seconds=seconds):
            to, expiration = queue.wait(seconds)
            return _outgoing(queue, delivery, part, to, {"attempt": attempt}, expiration)
        case DeadLetter() | Retry() | Park():
            return _dead(queue, delivery, part, now)


def _dead(queue: WorkQueue, delivery: Delivery, part: Unfinished, now: datetime) -> Outgoing:
    obituary = {DIED_AT: now.isoformat(timespec="milliseconds"), TRIES: delivery.context.attempt + 1}
    return _outgoing(queue, delivery, part, queue.dead, obituary)


def _outgoing(
    queue: WorkQueue,
    delivery: Delivery,
    part: Unfinished,
    to: str,
    headers: dict[str, Any],
    expiration: float | None = None,
) -> Outgoing:
    """The part's own body where it has one, else the message's, under its id."""
    body, content_type, message_id = part.body, part.content_type, None
    if body is None:
        body, content_type, message_id = delivery.body, delivery.content_type, delivery.message_id
    return Outgoing(
        exchange=queue.redelivery,
        routing_key=to,
        body=body,
        content_type=content_type or "application/octet-stream",
        message_id=message_id,
        headers=delivery.context.headers() | headers | _redrives(delivery) | {REASON: part.reason},
        expiration=expiration,
    )


def _redrives(delivery: Delivery) -> dict[str, int]:
    return {REDRIVES: delivery.context.redrives} if delivery.context.redrives else {}
