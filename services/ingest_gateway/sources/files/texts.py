"""A table of texts as a piece of fares: prices are decimal amounts, such as 109.99, and not yet in minor units."""

import pyarrow as pa

from services.ingest_gateway.sources.files.piece import Piece
from shared.fare_texts.columns import under_our_names
from shared.fare_texts.mapping import fares_of


def piece_of_texts(rows: pa.RecordBatch, source: str) -> Piece:
    """Understand the texts.

    Raises:
        MisnamedColumnsError: a column is missing or there twice.
    """
    mapped = fares_of(under_our_names(pa.Table.from_batches([rows])), source)
    fares = mapped.fares.combine_chunks()
    whole = fares.to_batches()[0] if fares.num_rows else pa.RecordBatch.from_pylist([], schema=fares.schema)
    return Piece(whole, mapped.set_aside)
