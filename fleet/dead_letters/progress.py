"""A round over dead letters as a person sees it: a bar in a terminal, and a word on what is not seen."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from shared.topology import WorkQueue


class RoundProgress:
    """Shows how far a round has come while the block runs.

    Attributes:
        held_elsewhere: the dead-letter queues of which somebody else has letters in hand.
    """

    def __init__(self, what: str, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._bar = self._progress.add_task(what, total=0)
        self._total = 0
        self.held_elsewhere: list[str] = []

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def began(self, queue: WorkQueue, ready: int, *, shared: bool) -> None:
        """A queue's turn has come."""
        self._total += ready
        self._progress.update(self._bar, total=self._total)
        if shared:
            self.held_elsewhere.append(queue.dead)
            note = f"somebody else is at {queue.dead} now: what they have in hand is not seen here"
            self._progress.console.print(note, highlight=False, soft_wrap=True)

    def advanced(self, letters: int) -> None:
        """So many more have been seen."""
        self._progress.update(self._bar, advance=letters)
