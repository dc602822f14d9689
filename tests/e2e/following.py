"""Following a runbook as an SRE does: its commands as they stand in the file, one after the other."""

import re
import shlex
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from typing import Final

from typer.testing import CliRunner

from fleet.addresses import REPOSITORY
from fleet.commands import app
from tests.e2e.running_fleet import RunningFleet
from tests.integration.deploy.monitoring_files import blocks

_FOLDER: Final = REPOSITORY / "docs" / "runbooks"
_TO_FILL_IN: Final = re.compile(r"[A-Z]{2,}")


def typed(fleet: RunningFleet, *words: str, answer: str = "") -> str:
    """What a command says that must succeed; in this process, where it is sooner there than in one of its own."""
    with chdir(fleet.folder.parent):
        done = CliRunner().invoke(app, [*words, "--data", str(fleet.folder)], input=answer)
    assert done.exit_code == 0, f"{words}: exit status {done.exit_code}\n{done.output}"
    return done.output


class Runbook:
    """A page of docs/runbooks, opened because something is wrong with a fleet."""

    def __init__(self, name: str, fleet: RunningFleet) -> None:
        self._page = _FOLDER / f"{name}.md"
        self._fleet = fleet
        self._left = self._lines("sh")

    def follow(self, start: str, *, answer: str = "", **filled_in: str) -> str:
        """Type the next command, which begins so and must succeed; gives what it says.

        Args:
            start: of the command, behind `./farelark`.
            answer: what to say when it asks.
            filled_in: what to type for the words in capitals.
        """
        command = self._left.pop(0) if self._left else "nothing"
        assert command.startswith(f"./farelark {start}"), f"{self._page.name} goes on with {command}"
        words = [filled_in.get(word, word) for word in shlex.split(command)[1:]]
        assert not [word for word in words if _TO_FILL_IN.fullmatch(word)], f"{command} lacks something"
        return typed(self._fleet, *words, answer=answer)

    def examples(self, program: str) -> list[str]:
        """The commands for the place where the fleet runs that call this program."""
        return [line for line in self._lines("console") if line.startswith(f"{program} ")]

    def finish(self) -> None:
        """Close it; it must not have gone on."""
        assert self._left == [], f"{self._page.name} goes on"

    def _lines(self, language: str) -> list[str]:
        return [line.strip() for block in blocks(self._page, language) for line in block.splitlines()]


@contextmanager
def following(name: str, fleet: RunningFleet) -> Iterator[Runbook]:
    """Follow a runbook to its end while the block runs."""
    runbook = Runbook(name, fleet)
    yield runbook
    runbook.finish()
