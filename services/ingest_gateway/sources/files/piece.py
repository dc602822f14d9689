"""What is read of a file at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

_GZIP_MAGIC: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows with the columns of `FARES_SCHEMA`, and how many others are no fares, by reason."""

    rows: pa.RecordBatch
    set_aside: Mapping[str, int]


def is_gzipped(path: Path) -> bool:
    """Whether a file is gzipped, whatever its name."""
    with path.open("rb") as file:
        return file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
