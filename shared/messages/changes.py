"""Change batches: what price workers publish to `changes` and alert and history workers read.

A change is a fare whose price differs from the one on its board. Its identity is the fare key with the
instant of observation; a repeat carries both unchanged.
"""

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shared.messages.batches import Contract
from shared.messages.columns import Findings
from shared.messages.fares import FARE_FIELDS, FareDocument
from shared.messages.integers import integers
from shared.money import MAX_PRICE

CHANGE_FIELDS = (
    *FARE_FIELDS,
    pa.field("reference_price", pa.int64()),  # at today's rates
    pa.field("previous_price", pa.int64()),  # null: never seen
    pa.field("previous_reference_price", pa.int64()),  # the higher of the rates then and today; null: never seen
)


class ChangeDocument(FareDocument, kw_only=True, frozen=True):
    """One change as a JSON document."""

    reference_price: msgspec.Raw
    previous_price: msgspec.Raw = msgspec.Raw(b"null")
    previous_reference_price: msgspec.Raw = msgspec.Raw(b"null")


CHANGES = Contract("farelark.changes", 1, pa.schema(CHANGE_FIELDS), ChangeDocument)


def check_amounts(rows: pa.RecordBatch, _: npt.NDArray[np.int64], findings: Findings) -> None:
    """Note the rows whose prices before and after make no sense."""
    reference = integers(rows["reference_price"], 0)
    findings.note("reference_price_missing", reference == 0)
    findings.note("reference_price_negative", reference < 0)
    before = [rows[name] for name in ("previous_price", "previous_reference_price")]
    for column in before:
        findings.note("previous_price_not_positive", integers(column, 1) <= 0)
    findings.note("previous_price_too_large", integers(rows["previous_price"], 1) > MAX_PRICE)
    never_seen, never_converted = (column.is_null().to_numpy(zero_copy_only=False) for column in before)
    findings.note("previous_price_incomplete", never_seen != never_converted)
