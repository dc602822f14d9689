"""Parquet: the columns of the fares' schema; or fares in texts, where the price is a decimal amount and no integer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyarrow import parquet

from services.ingest_gateway.sources.files.piece import Piece
from services.ingest_gateway.sources.files.texts import piece_of_texts
from shared.errors import UnreadableError
from shared.fare_texts.columns import ASSUMED, NAMES, REQUIRED, MisnamedColumnsError
from shared.messages.batches import MAX_ROWS
from shared.messages.fares import FARES_SCHEMA

_KNOWN: Final = frozenset(name for names in NAMES.values() for name in names)
_BUFFER_BYTES: Final = 1024 * 1024


def read_parquet(path: Path, source: str) -> Iterator[Piece]:
    """The rows of a file, `MAX_ROWS` at a time.

    Raises:
        UnreadableError: its price is a float, which is no exact amount.
        MisnamedColumnsError: a column is missing or there twice.
        OSError, pa.ArrowException: it cannot be read, or not to its end.
    """
    with parquet.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
        schema = file.schema_arrow
        names = [name for name in schema.names if name in _KNOWN]
        price = _price_type(schema, names)
        for rows in file.iter_batches(MAX_ROWS, columns=names, use_threads=False):
            yield _piece(rows, source) if pa.types.is_integer(price) else piece_of_texts(rows, source)


def _price_type(schema: pa.Schema, names: list[str]) -> pa.DataType:
    if twice := {name for name in names if names.count(name) > 1}:
        raise MisnamedColumnsError(f"two columns are named {', '.join(sorted(twice))}; rename or remove one")
    if "price" not in names:
        raise MisnamedColumnsError(f"no column price; rename those that it has: {', '.join(schema.names)}")
    price = schema.field("price").type
    if pa.types.is_floating(price):
        raise UnreadableError("inexact_price", "price is a float; make it an integer of minor units, or a decimal")
    return price


def _piece(rows: pa.RecordBatch, source: str) -> Piece:
    """Fares by the contract: their columns have its names, and prices are in minor units."""
    if missing := [name for name in REQUIRED if name not in rows.schema.names]:
        raise MisnamedColumnsError(f"no column {'; '.join(missing)}; rename those that it has")
    columns = [_column(rows, field) for field in FARES_SCHEMA if field.name != "source"]
    return Piece(pa.RecordBatch.from_arrays([*columns, pa.repeat(source, rows.num_rows)], schema=FARES_SCHEMA), {})


def _column(rows: pa.RecordBatch, field: pa.Field) -> pa.Array:
    if field.name not in rows.schema.names:
        column = pa.nulls(rows.num_rows, field.type)
    else:
        exact = not pa.types.is_timestamp(field.type)  # what is finer than a millisecond does not matter
        column = rows[field.name].cast(field.type, safe=exact)
    return column.fill_null(ASSUMED[field.name]) if field.name in ASSUMED else column
