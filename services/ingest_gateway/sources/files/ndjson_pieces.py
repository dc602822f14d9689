"""NDJSON: a document on each line, as `POST /v1/fares` takes them, prices in minor units."""

import gzip
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec
import pyarrow as pa

from services.ingest_gateway.sources.files.piece import Piece, is_gzipped
from shared.messages.batches import MAX_ROWS
from shared.messages.documents import DocumentReader
from shared.messages.fares import FARES_SCHEMA, FareDocument

_LONGEST_LINE: Final = 64 * 1024  # bytes; a fare takes 300


class _Document(FareDocument, kw_only=True, frozen=True):
    """A fare that need not say whence it comes: its folder is a source."""

    source: str = ""


def read_ndjson(path: Path, source: str) -> Iterator[Piece]:
    """The documents of a file, `MAX_ROWS` at a time.

    Raises:
        OSError, EOFError, zlib.error: it cannot be read, or not to its end.
    """
    reader = DocumentReader(_Document, FARES_SCHEMA)
    with _open(path) as file:
        lines = _lines(file)
        while some := list(islice(lines, MAX_ROWS)):
            documents, faults = reader.read(map(msgspec.Raw, some))
            rows = pa.RecordBatch.from_pylist([each | {"source": source} for each in documents], schema=FARES_SCHEMA)
            yield Piece(rows, Counter(reason for _, reason in faults))


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb")) if is_gzipped(path) else path.open("rb")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Those that are not blank, without a byte order mark; of one that is too long a part, which is no document."""
    while line := file.readline(_LONGEST_LINE):
        start = line
        while len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
            line = file.readline(_LONGEST_LINE)
        if stripped := start.removeprefix(BOM_UTF8).strip():
            yield stripped
