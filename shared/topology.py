"""Exchanges and queues as data: what declarations, policies and checks are made from.

Every work queue Q is a durable quorum queue. A message that failed and may work later waits in one of
`Q.retry.5s`, `Q.retry.30s`, `Q.retry.5m`, from where it is dead-lettered back; one that never will, or that
failed three times, lies in `Q.dead`.

A queue may also have waiting queues, `Q.wait.15s` and so on, for messages that are to come again after a time of their
own: each carries its expiration, and the queue's delay is the longest that it stays. A quorum queue lets messages
expire at its head only, so one may wait for those before it; hence several queues, each for times of its own order.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class RetryDelay:
    """One step of waiting before a message is tried again."""

    name: str
    milliseconds: int


RETRY_DELAYS: Final = (RetryDelay("5s", 5_000), RetryDelay("30s", 30_000), RetryDelay("5m", 300_000))
WAITS: Final = (
    RetryDelay("15s", 15_000),
    RetryDelay("1m", 60_000),
    RetryDelay("4m", 240_000),
    RetryDelay("15m", 900_000),
)
_SHORTEST_WAIT_S: Final = 0.001  # the unit that AMQP knows


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """A queue that a service works on."""

    name: str
    prefetch: int  # messages in hand of one consumer; a crash loop endangers as many
    waits: tuple[RetryDelay, ...] = ()  # the longest stays in its waiting queues, shortest first

    @property
    def dead(self) -> str:
        """Where its dead letters lie."""
        return f"{self.name}.dead"

    def retry(self, attempt: int) -> str | None:
        """Where a message waits that has failed `attempt` times before; None if it is out of tries."""
        if attempt >= len(RETRY_DELAYS):
            return None
        return f"{self.name}.retry.{RETRY_DELAYS[attempt].name}"

    def wait(self, seconds: float) -> tuple[str, float]:
        """Where a message waits that is to come again after so many seconds, and how long it does."""
        delay = next((delay for delay in self.waits if delay.milliseconds >= seconds * 1_000), self.waits[-1])
        longest = delay.milliseconds / 1_000
        return f"{self.name}.wait.{delay.name}", min(max(seconds, _SHORTEST_WAIT_S), longest)

    @property
    def delayed(self) -> list[tuple[str, RetryDelay]]:
        """The queues that lead back to it, each with the longest that a message stays there."""
        return [
            *((f"{self.name}.retry.{delay.name}", delay) for delay in RETRY_DELAYS),
            *((f"{self.name}.wait.{delay.name}", delay) for delay in self.waits),
        ]

    @property
    def all_names(self) -> list[str]:
        """The queue itself, those that lead back to it, and its dead letters."""
        return [self.name, *(name for name, _ in self.delayed), self.dead]


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


class Lane(StrEnum):
    """Which notices go first; also the routing keys of `notifications`."""

    URGENT = "urgent"
    STANDARD = "standard"
    DIGEST = "digest"


FARES_INGEST: Final = WorkQueue("fares.ingest", prefetch=4)
CHANGES_ALERTS: Final = WorkQueue("changes.alerts", prefetch=16)
# So many that a hot route's messages in hand are seen past to those of other routes.
_LANE_PREFETCH: Final = 500
NOTIFICATIONS_URGENT: Final = WorkQueue("notifications.urgent", _LANE_PREFETCH, WAITS)
NOTIFICATIONS_STANDARD: Final = WorkQueue("notifications.standard", _LANE_PREFETCH, WAITS)
NOTIFICATIONS_DIGEST: Final = WorkQueue("notifications.digest", _LANE_PREFETCH, WAITS)
ALERTS_EVALUATE: Final = WorkQueue("alerts.evaluate", prefetch=32)
LANES: Final = {
    Lane.URGENT: NOTIFICATIONS_URGENT,
    Lane.STANDARD: NOTIFICATIONS_STANDARD,
    Lane.DIGEST: NOTIFICATIONS_DIGEST,
}
WORK_QUEUES: Final = (FARES_INGEST, CHANGES_ALERTS, ALERTS_EVALUATE, *LANES.values())

CHANGES: Final = Exchange("changes", "fanout", (("", CHANGES_ALERTS),))
NOTIFICATIONS: Final = Exchange("notifications", "direct", tuple((lane.value, queue) for lane, queue in LANES.items()))
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
            for name, delay in queue.delayed
        ),
        Policy(queue.dead, _exactly(queue.dead), {"max-length-bytes": _MAX_BYTES, "overflow": "reject-publish"}),
    ]


def _exactly(name: str) -> str:
    return "^" + name.replace(".", r"\.") + "$"
