"""What is published of a message that is not done: it waits to come again, or lies among the dead letters."""

from shared import metrics
from shared.broker import Outgoing
from shared.deliveries import DeadLetter, Delivery, Done, Park, Retry, Settlement, Several, Unfinished, Wait
from shared.topology import WorkQueue


def redeliveries(queue: WorkQueue, delivery: Delivery, settlement: Settlement) -> list[Outgoing]:
    """What is to be published before a message of the queue is acknowledged; counted here."""
    match settlement:
        case Done():
            return []
        case Several(parts):
            return [_redelivery(queue, delivery, part) for part in parts]
        case part:
            return [_redelivery(queue, delivery, part)]


def _redelivery(queue: WorkQueue, delivery: Delivery, part: Unfinished) -> Outgoing:
    attempt = delivery.context.attempt
    match part:
        case Retry():
            return _again(queue, delivery, part, queue.retry(attempt), attempt + 1)
        case Park():
            return _again(queue, delivery, part, queue.retry(min(attempt, 1)), max(attempt, 1))
        case Wait(seconds=seconds):
            waiting_queue, expiration = queue.wait(seconds)
            return _again(queue, delivery, part, waiting_queue, attempt, expiration)
        case DeadLetter():
            return _dead(queue, delivery, part)


def _again(
    queue: WorkQueue,
    delivery: Delivery,
    part: Retry | Park | Wait,
    to: str | None,
    attempt: int,
    expiration: float | None = None,
) -> Outgoing:
    """The part on its way through the queue that leads back; dead if there is none for it any more."""
    if to is None:
        return _dead(queue, delivery, part)
    metrics.RETRIES.labels(queue.name, part.reason).inc()
    return _outgoing(delivery, part, to, {"attempt": attempt}, expiration)


def _dead(queue: WorkQueue, delivery: Delivery, part: Unfinished) -> Outgoing:
    metrics.DEAD_LETTERS.labels(queue.name, part.reason).inc()
    return _outgoing(delivery, part, queue.dead, {})


def _outgoing(
    delivery: Delivery, part: Unfinished, to: str, headers: dict[str, int], expiration: float | None = None
) -> Outgoing:
    """The part's own body where it has one, else the message's."""
    body, content_type = (delivery.body, delivery.content_type) if part.body is None else (part.body, part.content_type)
    return Outgoing(
        routing_key=to,
        body=body,
        content_type=content_type or "application/octet-stream",
        headers=delivery.context.headers() | headers | {"reason": part.reason},
        expiration=expiration,
    )
