"""Exchanges and queues as data: what declarations, policies and checks are made from.

Every work queue Q is a durable quorum queue. A message that failed and may work later waits in one of
`Q.retry.5s`, `Q.retry.30s`, `Q.retry.5m`, from where it is dead-lettered back; one that never will, or that
failed three times, lies in `Q.dead`. The way to these is the exchange `Q.redelivery`, so that whoever works on a queue
need not be allowed to publish to any other.

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
class Bound:
    """The most that a queue keeps ready. What would go beyond is refused, and its publisher waits.

    Bytes lie on the broker's disks. Each message also takes some of its memory, which counts where they are small.
    """

    bytes: int = 1_000_000_000
    messages: int = 1_000_000


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """A queue that a service works on.

    The queues beside it have its bound too: all that waits or lies there has come from it. None of them ever drops a
    message, not even the dead letters: where they are full, what is dead stays in a worker's hands and the work stops,
    until somebody has looked at them and made room.
    """

    name: str
    prefetch: int  # messages in hand of one consumer; a crash loop endangers as many
    waits: tuple[RetryDelay, ...] = ()  # the longest stays in its waiting queues, shortest first
    bound: Bound = Bound()

    @property
    def dead(self) -> str:
        """Where its dead letters lie."""
        return f"{self.name}.dead"

    @property
    def redelivery(self) -> str:
        """The exchange that leads to its retry, waiting and dead-letter queues by their names."""
        return f"{self.name}.redelivery"

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
    """Where a service publishes to, and what is bound to it: (routing key, name of the queue)."""

    name: str
    kind: str
    bindings: tuple[tuple[str, str], ...]


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


# What somebody looks at now, or a source pushes by itself: it must not wait behind a sweep. An hour of 5,000 fares a
# second that come one by one, 200 bytes each.
FARES_LIVE: Final = WorkQueue("fares.live", prefetch=4, bound=Bound(4_000_000_000, 500_000))
# Two cycles of 40 million fares, 400 kB for each 10,000, and something to spare for those that come as JSON.
FARES_INGEST: Final = WorkQueue("fares.ingest", prefetch=4, bound=Bound(4_000_000_000, 100_000))
# A cycle in which every fare is new, as after the loss of Redis: 108 bytes a change. It is five ordinary ones.
CHANGES_ALERTS: Final = WorkQueue("changes.alerts", prefetch=16, bound=Bound(5_000_000_000, 100_000))
# The same changes; nobody waits for them, so they may lie here for longer than those above.
CHANGES_HISTORY: Final = WorkQueue("changes.history", prefetch=16, bound=CHANGES_ALERTS.bound)
# So many that a hot route's messages in hand are seen past to those of other routes.
_LANE_PREFETCH: Final = 500
NOTIFICATIONS_URGENT: Final = WorkQueue("notifications.urgent", _LANE_PREFETCH, WAITS)
# A day of cycles by the hour while pushes are stopped: 200,000 notices each, 584 bytes a notice, 2.6 in a message.
NOTIFICATIONS_STANDARD: Final = WorkQueue(
    "notifications.standard", _LANE_PREFETCH, WAITS, Bound(3_000_000_000, 2_000_000)
)
NOTIFICATIONS_DIGEST: Final = WorkQueue("notifications.digest", _LANE_PREFETCH, WAITS)
ALERTS_EVALUATE: Final = WorkQueue("alerts.evaluate", prefetch=32)
LANES: Final = {
    Lane.URGENT: NOTIFICATIONS_URGENT,
    Lane.STANDARD: NOTIFICATIONS_STANDARD,
    Lane.DIGEST: NOTIFICATIONS_DIGEST,
}
WORK_QUEUES: Final = (FARES_LIVE, FARES_INGEST, CHANGES_ALERTS, CHANGES_HISTORY, ALERTS_EVALUATE, *LANES.values())

# Not one exchange with a key for each: brokers have `fares` as a fanout, and an exchange's kind can never change.
LIVE_FARES: Final = Exchange("live_fares", "fanout", (("", FARES_LIVE.name),))
FARES: Final = Exchange("fares", "fanout", (("", FARES_INGEST.name),))
CHANGES: Final = Exchange("changes", "fanout", (("", CHANGES_ALERTS.name), ("", CHANGES_HISTORY.name)))
EVALUATIONS: Final = Exchange("evaluations", "fanout", (("", ALERTS_EVALUATE.name),))
NOTIFICATIONS: Final = Exchange(
    "notifications", "direct", tuple((lane.value, queue.name) for lane, queue in LANES.items())
)
EXCHANGES: Final = (
    LIVE_FARES,
    FARES,
    CHANGES,
    EVALUATIONS,
    NOTIFICATIONS,
    *(
        Exchange(queue.redelivery, "direct", tuple((name, name) for name in queue.all_names if name != queue.name))
        for queue in WORK_QUEUES
    ),
)


_DELIVERY_LIMIT: Final = 20  # as RabbitMQ 4 has it; before there was none
# Each look at a dead letter is a delivery, and from RabbitMQ 4 on twenty would be the end of it. 3.10 knows no -1.
_LOOKS: Final = 1_000_000_000
# At most once is RabbitMQ's default for dead letters; at least once needs publishers that are refused.
_SAFE_DEAD_LETTERS: Final = {"dead-letter-strategy": "at-least-once"}


def policies() -> list[Policy]:
    """The limits of every queue. They are policies because a queue's arguments can never change."""
    return [policy for queue in WORK_QUEUES for policy in _policies_of(queue)]


def _policies_of(queue: WorkQueue) -> list[Policy]:
    bounded = {
        "max-length": queue.bound.messages,
        "max-length-bytes": queue.bound.bytes,
        "overflow": "reject-publish",
    }
    work = {
        "delivery-limit": _DELIVERY_LIMIT,
        "dead-letter-exchange": "",
        "dead-letter-routing-key": queue.dead,
    }
    back = {"dead-letter-exchange": "", "dead-letter-routing-key": queue.name}
    return [
        Policy(queue.name, _exactly(queue.name), bounded | work | _SAFE_DEAD_LETTERS),
        *(
            Policy(name, _exactly(name), bounded | back | {"message-ttl": delay.milliseconds} | _SAFE_DEAD_LETTERS)
            for name, delay in queue.delayed
        ),
        Policy(queue.dead, _exactly(queue.dead), bounded | {"delivery-limit": _LOOKS}),
    ]


def _exactly(name: str) -> str:
    return "^" + name.replace(".", r"\.") + "$"
