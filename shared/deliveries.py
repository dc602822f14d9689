"""What a consumer gets and what it can say about it, without a word about the broker's library."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from shared.dead_letters import REDRIVES
from shared.topology import RETRY_DELAYS

_CYCLE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")
_ROUTE: Final = re.compile(r"[A-Z]{3}-[A-Z]{3}\Z")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")  # W3C Trace Context


@dataclass(frozen=True, slots=True)
class Done:
    """The message has had its effect: acknowledge it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The message failed for now: it waits in a retry queue, or is dead when it is out of tries.

    `body` and its content type replace the message's own where only a part of it is still to be done.
    """

    reason: str
    body: bytes | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Park:
    """The message, or what is left of it, waits for a server that it alone needs, however long that takes.

    It waits in the shorter retry queues, again and again, and is never dead because of it.
    """

    reason: str
    body: bytes | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The message, or what is left of it, is to come again after so many seconds, however often that has been before.

    Only of queues that have waiting queues; longer than the longest of these it does not wait.
    """

    reason: str
    seconds: float
    body: bytes | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The message, or what its body says instead, can never succeed: it is kept for a person to look at."""

    reason: str
    body: bytes | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Several:
    """Parts of the message, each with a body of its own, are settled apart; what is in none of them is done."""

    parts: tuple["Unfinished", ...]


Unfinished = Retry | Park | Wait | DeadLetter
Settlement = Done | Unfinished | Several


@dataclass(frozen=True, slots=True)
class Context:
    """The headers that travel along the chain, and how often this message has failed before.

    `route` is there where all that a message holds is of one, so that a consumer can be fair between them. `redrives`
    counts how often it was brought back from the dead letters by itself.
    """

    cycle: str | None = None
    traceparent: str | None = None
    attempt: int = 0
    route: str | None = None
    redrives: int = 0

    @classmethod
    def read(cls, headers: Mapping[str, Any]) -> "Context":
        """Take what is well-formed and leave the rest: anybody may publish any header."""
        attempt, redrives = headers.get("attempt"), headers.get(REDRIVES)
        return cls(
            cycle=_matching(_CYCLE, headers.get("cycle")),
            traceparent=_matching(_TRACEPARENT, headers.get("traceparent")),
            attempt=attempt if type(attempt) is int and 0 <= attempt <= len(RETRY_DELAYS) else 0,
            route=_matching(_ROUTE, headers.get("route")),
            redrives=redrives if type(redrives) is int and redrives > 0 else 0,
        )

    def headers(self) -> dict[str, Any]:
        """The headers to publish with; `attempt` and `redrives` belong to one queue and stay out."""
        present = {"cycle": self.cycle, "traceparent": self.traceparent, "route": self.route}
        return {name: value for name, value in present.items() if value is not None}


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.match(value) else None


class Acknowledger(Protocol):
    """The broker's side of one delivery."""

    @property
    def lost(self) -> bool:
        """Whether its channel is gone, so that the broker will deliver it again."""

    async def ack(self) -> None:
        """Take the message off its queue."""

    async def hand_back(self) -> None:
        """Put the message back for another consumer; this is no failure."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message in hand."""

    body: bytes
    content_type: str | None
    context: Context
    message_id: str | None
    acknowledger: Acknowledger


OnDelivery = Callable[[Delivery], Awaitable[None]]
