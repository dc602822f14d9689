"""Exchanges and queues as data: what declarations, policies and checks are made from.

Every work queue Q is a durable quorum queue. A message that failed and may work later waits in one of
`Q.retry.5s`, `Q.retry.30s`, `Q.retry.5m`, from where it is dead-lettered back; one that never will, or that
failed three times, lies in `Q.dead`.
"""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class RetryDelay:
    """One step of waiting before a message is tried again."""

    name: str
    milliseconds: int


RETRY_DELAYS: Final = (RetryDelay("5s", 5_000), RetryDelay("30s", 30_000), RetryDelay("5m", 300_000))


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """A queue that a service works on."""

    name: str
    prefetch: int  # messages in hand of one consumer; a crash loop endangers as many

    @property
    def dead(self) -> str:
        """Where its dead letters lie."""
        return f"{self.name}.dead"

    def retry(self, attempt: int) -> str | None:
        """Where a message waits that has failed `attempt` times before; None if it is out of tries."""
        if attempt >= len(RETRY_DELAYS):
            return None
        return f"{self.name}.retry.{RETRY_DELAYS[attempt].name}"

    @property
    def retries(self) -> list[tuple[str, RetryDelay]]:
        """Its retry queues with their delays."""
        return [(f"{self.name}.retry.{delay.name}", delay) for delay in RETRY_DELAYS]

    @property
    def all_names(self) -> list[str]:
        """The queue itself, its retry queues and its dead letters."""
        return [self.name, *(name for name, _ in self.retries), self.dead]


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where a service publishes to, and what is bound to it: (routing key, queue)."""

    name: str
    kind: str
    bindings: tuple[tuple[str, WorkQueue], ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits of the queues whose names match."""

    name: str
    pattern: str
    definition: dict[str, Any]


FARES_INGEST: Final = WorkQueue("fares.ingest", prefetch=4)
CHANGES_ALERTS: Final = WorkQueue("changes.alerts", prefetch=8)
NOTIFICATIONS_STANDARD: Final = WorkQueue("notifications.standard", prefetch=160)
ALERTS_EVALUATE: Final = WorkQueue("alerts.evaluate", prefetch=32)
WORK_QUEUES: Final = (FARES_INGEST, CHANGES_ALERTS, ALERTS_EVALUATE, NOTIFICATIONS_STANDARD)

CHANGES: Final = Exchange("changes", "fanout", (("", CHANGES_ALERTS),))
NOTIFICATIONS: Final = Exchange("notifications", "direct", (("standard", NOTIFICATIONS_STANDARD),))
EXCHANGES: Final = (CHANGES, NOTIFICATIONS)

_DELIVERY_LIMIT: Final = 20  # as RabbitMQ 4 has it; before there was none
_MAX_BYTES: Final = 8 * 1024**3
# At most once is RabbitMQ's default for dead letters; at least once needs publishers that are refused.
_SAFE_DEAD_LETTERS: Final = {"dead-letter-strategy": "at-least-once", "overflow": "reject-publish"}


def policies() -> list[Policy]:
    """The limits of every queue. They are policies because a queue's arguments can never change."""
    return [policy for queue in WORK_QUEUES for policy in _policies_of(queue)]


def _policies_of(queue: WorkQueue) -> list[Policy]:
    work = {
        "delivery-limit": _DELIVERY_LIMIT,
        "max-length-bytes": _MAX_BYTES,
        "dead-letter-exchange": "",
        "dead-letter-routing-key": queue.dead,
    }
    back = {"dead-letter-exchange": "", "dead-letter-routing-key": queue.name, "max-length-bytes": _MAX_BYTES}
    return [
        Policy(queue.name, _exactly(queue.name), work | _SAFE_DEAD_LETTERS),
        *(
            Policy(name, _exactly(name), back | {"message-ttl": delay.milliseconds} | _SAFE_DEAD_LETTERS)
            for name, delay in queue.retries
        ),
        Policy(queue.dead, _exactly(queue.dead), {"max-length-bytes": _MAX_BYTES, "overflow": "reject-publish"}),
    ]


def _exactly(name: str) -> str:
    return "^" + name.replace(".", r"\.") + "$"
