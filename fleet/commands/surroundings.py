"""What surrounds a command: where its words go, how errors are told, who agrees, how it ends, where its files lie."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.markup import escape

from fleet.servers.errors import ServersError
from shared.errors import ConfigurationError, FarelarkError

_OURS: Final = (FarelarkError, ServersError)
_INTERRUPTED: Final = 130  # what shells report of a command that Ctrl-C ended


def sayer(console: Console) -> Callable[[str], None]:
    """What prints a sentence as it is."""
    return lambda line: console.print(escape(line), highlight=False, soft_wrap=True)


@contextmanager
def reporting() -> Iterator[None]:
    """End with one clear sentence on errors that a person can mend, those of tasks that ran together included."""
    try:
        yield
    except Exception as error:
        errors = list(_parts(error))
        if not all(isinstance(each, _OURS) for each in errors):
            raise
        sys.exit("farelark: " + "; ".join(dict.fromkeys(map(str, errors))))


def _parts(error: Exception) -> Iterator[Exception]:
    """The errors that a group of tasks ended by, or this one alone."""
    if isinstance(error, ExceptionGroup):
        for each in error.exceptions:
            yield from _parts(each)
    else:
        yield error


def confirm(question: str, to: str) -> None:
    """Go on only if somebody says yes, to do what the question is about.

    Raises:
        ConfigurationError: nobody did.
    """
    try:
        typer.confirm(question, abort=True, err=True)
    except typer.Abort:
        raise ConfigurationError(f"nothing was done, for nobody said yes; in scripts add --yes to {to}") from None


@contextmanager
def stoppable(status: int = _INTERRUPTED) -> Iterator[None]:
    """Make Ctrl-C and SIGTERM leave the block in order, and the process with this exit status."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(status) from None
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def passing_folder(console: Console) -> Iterator[Path]:
    """A new folder that is removed at the end, but kept for its logs when the block fails."""
    folder = Path(tempfile.mkdtemp(prefix="farelark-"))
    try:
        yield folder
    except Exception:
        console.print(f"the logs are kept in {folder / 'logs'}", highlight=False)
        raise
    except BaseException:
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)
