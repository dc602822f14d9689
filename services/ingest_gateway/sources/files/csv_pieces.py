"""CSV: a line of names, then fares in texts, as `replay` reads them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyarrow import csv

from services.ingest_gateway.sources.files.piece import Piece, is_gzipped
from services.ingest_gateway.sources.files.texts import piece_of_texts
from shared.fare_texts.columns import NAMES

_BLOCK_BYTES: Final = 1024 * 1024  # some 15,000 rows


def read_csv(path: Path, source: str) -> Iterator[Piece]:
    """The rows of a file, block by block.

    Raises:
        MisnamedColumnsError: a column is missing or there twice.
        OSError, pa.ArrowException: it cannot be read, or not to its end.
    """
    broken: list[int] = []  # lines, of each row that has too many fields or too few
    with _open(path) as stream, _reader(stream, broken) as reader:
        for rows in reader:
            piece = piece_of_texts(rows, source)
            lines = {"line_broken": sum(broken)} if broken else {}
            broken.clear()
            yield replace(piece, set_aside={**piece.set_aside, **lines})


def _open(path: Path) -> pa.NativeFile:
    return pa.input_stream(str(path), compression="gzip" if is_gzipped(path) else None)


def _reader(stream: pa.NativeFile, broken: list[int]) -> csv.CSVStreamingReader:
    def skip(row: csv.InvalidRow) -> str:
        broken.append(row.text.count("\n") + 1)  # a stray quote swallows the lines up to the next one
        return "skip"

    return csv.open_csv(
        stream,
        read_options=csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
        parse_options=csv.ParseOptions(invalid_row_handler=skip),
        convert_options=csv.ConvertOptions(
            column_types={name: pa.string() for names in NAMES.values() for name in names},
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
