"""The messages that arrived, in a file: a line each, written before the answer, so that it outlives a kill."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fleet.fcm_stand_in.messages import Message


class Entry(msgspec.Struct, frozen=True):
    """A message, the instant of its arrival in seconds since 1970, and the status of the answer; 0 for a cut."""

    at: float
    answered: int
    message: Message


class Record:
    """The file, open for what arrives."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._encoder = msgspec.json.Encoder()

    def add(self, entry: Entry) -> None:
        """Append a line."""
        os.write(self._file, self._encoder.encode(entry) + b"\n")


def read(path: Path) -> Iterator[Entry]:
    """Read a record line by line, in the order of arrival; one that is just being written is left out."""
    decoder = msgspec.json.Decoder(Entry)
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield decoder.decode(line)
