"""Fares that were pushed as an Arrow stream. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from services.ingest_gateway.http.documents import FOREIGN
from services.ingest_gateway.http.splitting import check_count
from services.ingest_gateway.intake.taken import Fault
from shared.messages.batches import record_batches
from shared.messages.codes import MISSING, code_column
from shared.messages.fares import FARES, FARES_SCHEMA

_MOST_BATCHES: Final = 1_000
_OWN: Final = 1
_WIDE: Final = pa.dictionary(pa.int32(), pa.string())
_SOURCE: Final = FARES_SCHEMA.get_field_index("source")


@dataclass(frozen=True, slots=True)
class OwnRows:
    """The rows of a request that are its producer's, the position of each, and the faults of the others."""

    rows: pa.RecordBatch
    positions: list[int]
    faults: list[Fault]

    @property
    def count(self) -> int:
        """Of all rows."""
        return len(self.positions) + len(self.faults)


def read_rows(body: bytes, source: str) -> OwnRows:
    """Read a stream, name the source where a row leaves it out, and set aside the rows that name another.

    Args:
        body: of one or several record batches.
        source: of the producer's key.

    Raises:
        UnreadableError: it cannot be read, is of another schema, or has no rows.
        TooLargeError: it has too many.
    """
    batches = record_batches(FARES, body, _MOST_BATCHES)
    check_count(sum(batch.num_rows for batch in batches))
    rows = batches[0] if len(batches) == 1 else _joined(batches)
    own = _is_own(rows.column(_SOURCE), source)
    kept = rows.filter(pa.array(own))
    positions, foreign = np.flatnonzero(own).tolist(), np.flatnonzero(~own).tolist()
    return OwnRows(_of_source(kept, source), positions, [(position, FOREIGN) for position in foreign])


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Record batches as one. Each may have dictionaries of its own, which together need not fit into 8-bit indices."""
    wide = pa.schema(
        [(field.name, _WIDE if pa.types.is_dictionary(field.type) else field.type) for field in batches[0].schema]
    )
    return pa.concat_batches([batch.cast(wide) for batch in batches])


def _is_own(sources: pa.Array, source: str) -> npt.NDArray[np.bool_]:
    """By codes, not as plain texts: a dictionary's one long text, in every row, would be gigabytes."""
    codes = code_column(sources, lambda text: _OWN if text == source else 0)
    return (codes == _OWN) | (codes == MISSING)


def _of_source(rows: pa.RecordBatch, source: str) -> pa.RecordBatch:
    return rows.set_column(_SOURCE, FARES_SCHEMA.field(_SOURCE), pa.repeat(source, rows.num_rows))
