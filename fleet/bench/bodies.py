"""Encoded batches that wait on disk, so that inventing and encoding them is no part of what is measured."""

from collections.abc import Iterable, Iterator
from pathlib import Path


class Bodies:
    """Message bodies in one file, read back in the order in which they were written."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._sizes: list[int] = []

    def write(self, bodies: Iterable[bytes]) -> None:
        """Append these."""
        with self._file.open("ab") as file:
            self._sizes += [file.write(body) for body in bodies]

    def __iter__(self) -> Iterator[bytes]:
        with self._file.open("rb") as file:
            for size in self._sizes:
                yield file.read(size)
