"""Bringing back by itself what died for a reason that may have passed."""

from collections import Counter
from typing import Final

import structlog

from fleet.dead_letters.letters import UNKNOWN, Letter
from fleet.dead_letters.replaying import Replayer
from fleet.dead_letters.rounds import go_through
from shared import metrics
from shared.broker.broker import Broker
from shared.dead_letters import is_known
from shared.failpoints import Failpoints
from shared.topology import WORK_QUEUES, WorkQueue

MOST_REDRIVES: Final = 3  # then it waits for a person

log = structlog.get_logger()


class Redriving:
    """Rounds over all dead letters, a few minutes apart.

    Args:
        broker: to look through the dead letters with, and to publish those that are due.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._replayer = Replayer(broker, Failpoints(None))

    async def once(self) -> None:
        """Bring back what died for a transient reason and was not brought back three times; count all that stays.

        A letter that dies again meanwhile waits for the next round.

        Raises:
            UnavailableError: RabbitMQ is away, or a queue is full; the letters that are left are where they were.
        """
        lying: Counter[tuple[str, str]] = Counter()
        async with self._broker.browsing() as browser, go_through(browser, WORK_QUEUES, _Nobody()) as batches:
            async for batch in batches:
                due = [letter for letter in batch.letters if is_due(letter)]
                await self._replayer.bring_back(batch.look, due, redriven=True)
                _count_redriven(due)
                lying.update(_labels(letter) for letter in batch.letters if not is_due(letter))
        _show(lying)


def is_due(letter: Letter) -> bool:
    """Whether a letter comes back by itself."""
    return letter.meaning.transient and letter.redrives < MOST_REDRIVES


class _Nobody:
    """Watches no round."""

    def began(self, queue: WorkQueue, ready: int, *, shared: bool) -> None:
        pass

    def advanced(self, letters: int) -> None:
        pass


def _count_redriven(letters: list[Letter]) -> None:
    for (queue, reason), count in Counter(map(_labels, letters)).items():
        metrics.REDRIVEN.labels(queue, reason).inc(count)
        log.info("redriven", queue=queue, reason=reason, letters=count)


def _show(lying: Counter[tuple[str, str]]) -> None:
    """Let the gauge say this and nothing of what is there no more."""
    metrics.DEAD_LETTERS_LYING.clear()
    for (queue, reason), count in lying.items():
        metrics.DEAD_LETTERS_LYING.labels(queue, reason).set(count)


def _labels(letter: Letter) -> tuple[str, str]:
    """Of metrics: a reason that no service gives may be any text, and there may be many."""
    return letter.queue.name, letter.reason if is_known(letter.reason) else UNKNOWN
