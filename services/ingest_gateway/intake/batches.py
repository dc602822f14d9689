"""Rows of fares made into batches that price workers find easy: valid, in the order of their boards, and short."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa

from services.ingest_gateway.intake.taken import Fault
from shared.fare_lanes import Lane
from shared.messages.batches import encode
from shared.messages.columns import FareColumns, validate
from shared.messages.fares import FARES

_NAMES: Final = FARES.schema.names
_TEXTS: Final = frozenset(name for name in _NAMES if pa.types.is_string(FARES.schema.field(name).type))


@dataclass(frozen=True, slots=True)
class Batch:
    """So many valid fares, encoded."""

    lane: Lane
    cycle: str | None
    fares: int
    body: bytes = field(repr=False)


def prepare(rows: pa.RecordBatch, now: datetime, lifetime: timedelta) -> tuple[int, bytes, Sequence[Fault]]:
    """Set aside what is no fare, and encode the others.

    Args:
        rows: with the columns of `FARES`, texts dictionary-encoded or not.
        now: bounds departures and observations.
        lifetime: an observation older than this is no price of today.

    Returns:
        How many fares are valid, their Arrow stream (empty if there are none), and the faults of the others in order.
    """
    columns, findings = validate(rows, now, lifetime, _nothing_further)
    valid = len(columns.board)
    return valid, encode(FARES, _by_board(columns)) if valid else b"", findings.faults()


def _nothing_further(*_: object) -> None:
    """Rates, which would say which currencies can be converted, are the price workers'."""


def _by_board(columns: FareColumns) -> pa.RecordBatch:
    """The rows with those of a board together: a price worker looks each board up once."""
    rows = pa.RecordBatch.from_arrays([_short(name, columns.rows[name]) for name in _NAMES], names=_NAMES)
    if (columns.board[:-1] <= columns.board[1:]).all():
        return rows
    return rows.take(pa.array(np.argsort(columns.board, kind="stable")))


def _short(name: str, column: pa.Array) -> pa.Array:
    """A text column with each of its texts once; a dictionary from outside may hold what no row here needs."""
    if name not in _TEXTS:
        return column
    texts = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    return texts.dictionary_encode()
