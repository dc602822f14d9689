"""What surrounds a bench: its errors and its stop, a folder that passes, what it says, and how far it has come."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fleet.commands.surroundings import passing_folder, reporting, sayer, stoppable
from shared.logs import configure


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a bench works, and where it says what it does: its figures alone go to standard output."""

    folder: Path
    console: Console

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        sayer(self.console)(sentence)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """What is told how many more are done, and shows it where somebody looks."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        if not self.console.is_terminal:
            self.console.print(f"{what}: {total:,}", highlight=False)
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as progress:
            bar = progress.add_task(what, total=total)
            yield lambda count: progress.update(bar, advance=count)


@contextmanager
def measuring() -> Iterator[Bench]:
    """A bench, while the block runs; how it ends is told in a sentence."""
    console = Console(stderr=True)
    configure("bench", "WARNING")
    with reporting(), stoppable(), passing_folder(console) as folder:
        yield Bench(folder, console)
