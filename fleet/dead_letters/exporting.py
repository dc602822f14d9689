"""Dead letters to a file, one to a line, with all that is in them."""

import os
from pathlib import Path

from fleet.dead_letters.documents import encoded, letter_as_json
from fleet.dead_letters.reading import reading
from fleet.dead_letters.rounds import Watch
from fleet.dead_letters.selection import Selection
from shared.broker.browsing import Browser
from shared.errors import ConfigurationError


async def write(file: Path, browser: Browser, selection: Selection, watch: Watch) -> int:
    """Write the letters that are meant to a new file; gives how many these are.

    Only its owner can read it, for letters tell who wants to fly where.

    Raises:
        ConfigurationError: the file cannot be made, or is there already.
        UnavailableError: RabbitMQ is away; the file has those before.
    """
    written = 0
    with os.fdopen(_make(file), "wb") as lines:
        async with reading(browser, selection, watch) as letters:
            async for letter in letters:
                lines.write(encoded(letter_as_json(letter)) + b"\n")
                written += 1
    return written


def _make(file: Path) -> int:
    try:
        return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError(f"cannot make {file}: {error.strerror}") from None
