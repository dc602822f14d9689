"""Which dead letters are meant."""

from collections.abc import Sequence
from dataclasses import dataclass

from fleet.dead_letters.letters import Letter
from shared.errors import ConfigurationError
from shared.topology import WORK_QUEUES, WorkQueue


@dataclass(frozen=True, slots=True)
class Selection:
    """All dead letters, or those of a queue, of a reason, of an id, or of several of these together."""

    queue: WorkQueue | None = None
    reason: str | None = None
    id: str | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing narrows it down."""
        return not (self.queue or self.reason or self.id)

    @property
    def queues(self) -> Sequence[WorkQueue]:
        """The work queues whose dead letters it takes to find them."""
        return [self.queue] if self.queue else WORK_QUEUES

    def matches(self, letter: Letter) -> bool:
        """Whether a letter of these queues is meant."""
        return self.reason in {None, letter.reason} and self.id in {None, letter.id}


def queue_named(name: str) -> WorkQueue:
    """The work queue of this name, or of these dead letters.

    Raises:
        ConfigurationError: there is none; says which there are.
    """
    for queue in WORK_QUEUES:
        if name in {queue.name, queue.dead}:
            return queue
    names = ", ".join(queue.name for queue in WORK_QUEUES)
    raise ConfigurationError(f"there is no queue {name!r}: the queues are {names}")
