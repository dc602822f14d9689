"""A history of fares: what was once observed, in that order, and moved to the present where wanted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from fleet.replaying.files import UnreadableFileError, read_texts
from shared.fare_texts.mapping import MappedTexts, fares_of
from shared.messages.codes import MAX_SOURCE


@dataclass(frozen=True, slots=True)
class History:
    """Fares in order of observation, with the columns of `FARES_SCHEMA` and at least one row.

    `set_aside` counts the rows that are no fares, `mapped` those whose fare says something else.
    """

    fares: pa.Table
    set_aside: Counter[str]
    mapped: Counter[str]

    @property
    def first_day(self) -> date:
        """The UTC date of the first observation."""
        first: date = self.fares["observed_at"][0].as_py().astimezone(UTC).date()
        return first


def read(paths: Sequence[Path]) -> History:
    """Read files of fares and merge them; fares of one instant keep the order of the files and their rows.

    Raises:
        UnreadableFileError: a file cannot be read, or has no fare in it.
    """
    files = [_read_file(path) for path in paths]
    fares = pa.concat_tables([file.fares for file in files])
    return History(
        fares=fares.take(pc.sort_indices(fares, [("observed_at", "ascending")])),  # the sort is stable
        set_aside=sum((file.set_aside for file in files), Counter()),
        mapped=sum((file.mapped for file in files), Counter()),
    )


def shift(history: History, today: date) -> tuple[History, int]:
    """Move departures and returns by the number of days that brings the first observation to today (UTC).

    The instants of observation stay; `batches.stamp` replaces them when the fares are published.
    """
    days = (today - history.first_day).days
    fares = history.fares
    for name in ("departure_date", "return_date"):
        moved = pc.add(fares[name].cast(pa.int32()), pa.scalar(days, pa.int32())).cast(pa.date32())
        fares = fares.set_column(fares.schema.get_field_index(name), fares.schema.field(name), moved)
    return replace(history, fares=fares), days


def _read_file(path: Path) -> MappedTexts:
    texts = read_texts(path)
    mapped = fares_of(texts.rows, source=f"replay:{path.name}"[:MAX_SOURCE])
    if texts.broken_lines:
        mapped.set_aside["line_broken"] += texts.broken_lines
    if not mapped.fares.num_rows:
        why = ", ".join(f"{reason} {count:,}" for reason, count in mapped.set_aside.items())
        raise UnreadableFileError(path, f"no row is a fare ({why or 'there are none'}); look at its rows")
    return mapped
