"""A dead letter by what its headers say of it, and the message that it becomes when it is published again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from shared.broker.browsing import Seen
from shared.broker.outgoing import Outgoing, id_of
from shared.dead_letters import DIED_AT, REASON, REDRIVES, TRIES, Reason, explain
from shared.deliveries import Context
from shared.topology import WorkQueue

UNKNOWN: Final = "unknown"
_WORD: Final = re.compile(r"[A-Za-z0-9_.]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter.

    Attributes:
        queue: the work queue that it comes from and goes back to.
        id: that of the message, which is the same each time that it dies.
        reason: a word of `shared.dead_letters`, or whatever else whoever published it says.
        died_at: in UTC; None where nobody says so.
        tries: how often a worker had it in hand before it gave up; None where nobody says so.
        redrives: how often it was brought back by itself.
        seen: the message.
    """

    queue: WorkQueue
    id: str
    reason: str
    died_at: datetime | None
    tries: int | None
    redrives: int
    seen: Seen

    @classmethod
    def read(cls, queue: WorkQueue, seen: Seen) -> "Letter":
        """Read the headers, and take what is well-formed: anybody may publish any header."""
        headers = seen.headers
        buried = _buried_by_the_broker(queue, headers)
        reason, died_at = (buried["reason"], buried.get("time")) if buried else _own_words(headers)
        tries = headers.get(TRIES)
        return cls(
            queue=queue,
            id=seen.message_id or id_of(seen.body),
            reason=reason if isinstance(reason, str) and _WORD.match(reason) else UNKNOWN,
            died_at=died_at.astimezone(UTC) if isinstance(died_at, datetime) and died_at.tzinfo else None,
            tries=tries if type(tries) is int and not buried else None,
            redrives=Context.read(headers).redrives,
            seen=seen,
        )

    @property
    def meaning(self) -> Reason:
        """What its reason means."""
        return explain(self.reason)

    def again(self, *, redriven: bool = False) -> Outgoing:
        """The message as its work queue gets it again, with all its tries.

        Args:
            redriven: whether it comes back by itself, which is counted, and not because somebody said so.
        """
        context = Context.read(self.seen.headers)
        redrives = self.redrives + redriven
        return Outgoing(
            routing_key=self.queue.name,
            body=self.seen.body,
            content_type=self.seen.content_type or "application/octet-stream",
            message_id=self.id,
            headers=context.headers() | ({REDRIVES: redrives} if redrives else {}),
        )


def _own_words(headers: Mapping[str, Any]) -> tuple[object, datetime | None]:
    """What our consumers have written: the reason, and when it died."""
    try:
        return headers.get(REASON), datetime.fromisoformat(headers[DIED_AT])
    except (KeyError, TypeError, ValueError):
        return headers.get(REASON), None


def _buried_by_the_broker(queue: WorkQueue, headers: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The broker's own note, if it was the broker that took it out of the work queue and nobody's handler.

    It writes the latest first. A message that has waited in a retry queue has such notes too, of that queue.
    """
    notes = headers.get("x-death")
    latest = notes[0] if isinstance(notes, list) and notes else None
    return latest if isinstance(latest, dict) and latest.get("queue") == queue.name and "reason" in latest else None
