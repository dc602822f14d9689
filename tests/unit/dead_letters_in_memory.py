"""Dead letters that are looked through, taken out and published again as on a broker, and that outlive a crash."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from shared.broker.browsing import Browser, Look, Seen
from shared.broker.outgoing import Outgoing
from shared.fakes import FakeBroker
from shared.topology import WORK_QUEUES, WorkQueue


class LookInMemory(Look):
    """A look at a copy of the queue, whose letters are there until they are taken out."""

    def __init__(self, lying: dict[int, Seen]) -> None:  # no channel
        self.ready = len(lying)
        self.shared = False
        self._lying = lying

    async def messages(self) -> AsyncIterator[Seen]:
        for seen in list(self._lying.values()):
            yield seen

    async def take_out(self, seen: Seen) -> None:
        del self._lying[seen.tag]


class BrowserInMemory(Browser):
    def __init__(self, queues: Mapping[str, dict[int, Seen]]) -> None:  # no connection
        self._queues = queues

    @asynccontextmanager
    async def look_through(self, queue: str) -> AsyncIterator[Look]:
        yield LookInMemory(self._queues[queue])


class DeadLettersInMemory(FakeBroker):
    """A fake broker with dead letters; what is published from them is in `published`, as with any fake broker."""

    def __init__(self) -> None:
        super().__init__()
        self.dead: dict[str, dict[int, Seen]] = {queue.dead: {} for queue in WORK_QUEUES}
        self._tags = count(1)

    def bury(self, queue: WorkQueue, seen: Seen) -> None:
        """Put a message among the dead letters of a queue."""
        tag = next(self._tags)
        self.dead[queue.dead][tag] = Seen(seen.body, seen.content_type, seen.message_id, seen.headers, tag)

    def ids(self) -> list[str | None]:
        """Of the messages that lie there."""
        return [seen.message_id for lying in self.dead.values() for seen in lying.values()]

    @asynccontextmanager
    async def browsing(self) -> AsyncIterator[Browser]:
        yield BrowserInMemory(self.dead)


@dataclass
class Noted:
    """Watches a round, and notes what it is told."""

    ready: int = 0
    seen: int = 0

    def began(self, queue: WorkQueue, ready: int, *, shared: bool) -> None:  # noqa: ARG002  # of one queue as of all
        self.ready += ready

    def advanced(self, letters: int) -> None:
        self.seen += letters


def seen(body: bytes = b"{}", message_id: str | None = None, tag: int = 0, **headers: Any) -> Seen:  # noqa: ANN401  # AMQP's
    """A JSON message with these headers."""
    return Seen(body, "application/json", message_id, headers, tag)


def seen_again(outgoing: Outgoing, **headers: Any) -> Seen:  # noqa: ANN401  # AMQP's
    """A message that was published again as it dies once more."""
    return Seen(
        outgoing.body, outgoing.content_type, outgoing.message_id, {**(outgoing.headers or {}), **headers}, tag=0
    )
