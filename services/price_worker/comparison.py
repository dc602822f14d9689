"""Which sightings change the price on their board, and what the boards then hold. Pure numpy."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from services.price_worker.precedence import ALL_ALIKE, Precedence
from services.price_worker.sightings import Sightings
from shared.conversion import ReferenceAmounts
from shared.fare_boards import layout
from shared.fare_boards.layout import Boards, Rows
from shared.messages.fare_key import currency_of

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint64]

_PRICE_BITS: Final = 40


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed: rows of the batch with both prices in reference amounts.

    `previous_price` and `previous_reference` are 0 where `seen_before` is false.
    """

    row: Ints
    reference: Ints
    seen_before: Bools
    previous_price: Ints
    previous_reference: Ints

    @property
    def steps(self) -> Ints:
        """What tells these changes of one batch apart: row and previous price in one number each."""
        return self.row << _PRICE_BITS | self.previous_price

    def beyond(self, steps: Ints) -> "Changes":
        """Those that are not among these steps."""
        new = ~np.isin(self.steps, steps)
        return Changes(
            row=self.row[new],
            reference=self.reference[new],
            seen_before=self.seen_before[new],
            previous_price=self.previous_price[new],
            previous_reference=self.previous_reference[new],
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """The changes, and the new values of the boards that must be written, by position among the boards."""

    changes: Changes
    values: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of each of n sightings.

    `at` is where its fare stands among the rows of all boards, or should; `known` whether it does, and `previous` at
    which price, 0 if it does not; `newer` whether the sighting has an effect; `changed` whether it changes the price.
    """

    at: Ints
    known: Bools
    previous: Ints
    newer: Bools
    changed: Bools


def compare(
    seen: Sightings,
    boards: Boards,
    amounts: ReferenceAmounts,
    stale_before: int,
    precedence: Precedence = ALL_ALIKE,
) -> Comparison:
    """Compare sightings with their boards.

    Args:
        seen: n sightings on b boards.
        boards: the same b boards as they are now.
        amounts: today's rates.
        stale_before: rows last seen before this instant, in ms since 1970, count as not there, and leave the boards
            that are written. No sighting is from before it, else it might be older than a row that is not looked at.
        precedence: among sources.

    A sighting that stands before its row, or with it and is not cheaper, has no effect.
    """
    boards = _available(boards, stale_before)
    verdicts = _judge(seen, boards, precedence)
    changes = _changes(seen, boards.rows, verdicts, amounts)
    rows, offsets = _merge(seen, boards, verdicts, changes.reference)
    return Comparison(changes, _values(seen, boards, verdicts, rows, offsets))


def _available(boards: Boards, stale_before: int) -> Boards:
    """Without the rows that no source has confirmed since."""
    fresh = layout.observations(boards.rows) >= stale_before
    if fresh.all():
        return boards
    kept_before = np.concatenate(([0], np.cumsum(fresh)))
    return Boards(boards.headers, kept_before[boards.offsets], boards.rows[fresh])


def _judge(seen: Sightings, boards: Boards, precedence: Precedence) -> Verdicts:
    at, known = _locate(seen, boards)
    ranks = layout.ranks(boards.rows)
    before = _at(precedence.standing(layout.observations(boards.rows), ranks), at)
    now = precedence.standing(seen.observed_at, seen.rank)
    previous = np.where(known, _at(layout.prices(boards.rows), at), 0)
    cheaper = (seen.price < previous) | (seen.price == previous) & (seen.rank > _at(ranks, at))
    newer = ~known | (now > before) | (now == before) & cheaper
    return Verdicts(at, known, previous, newer, newer & (seen.price != previous))


def _locate(seen: Sightings, boards: Boards) -> tuple[Ints, Bools]:
    """Where each sighting's fare stands among all rows, or should; and whether it does.

    A binary search in each sighting's own board, all sightings a step at a time.
    """
    fares = np.ascontiguousarray(boards.rows["fare"])
    low, end = boards.offsets[seen.board], boards.offsets[seen.board + 1]
    high = end.copy()
    while (searching := low < high).any():
        middle = (low + high) >> 1
        below = searching & (_at(fares, middle) < seen.fare)
        low = np.where(below, middle + 1, low)
        high = np.where(below, high, np.minimum(middle, high))
    return low, (low < end) & (_at(fares, low) == seen.fare)


def _at(column: npt.NDArray[Any], position: Ints) -> npt.NDArray[Any]:
    """What a column has there; anything where a position is beyond its end."""
    return column.take(position, mode="clip") if len(column) else np.zeros(len(position), column.dtype)


def _changes(seen: Sightings, rows: Rows, verdicts: Verdicts, amounts: ReferenceAmounts) -> Changes:
    changed = np.flatnonzero(verdicts.changed)
    seen_before, previous = verdicts.known[changed], verdicts.previous[changed]
    currency = currency_of(seen.fare[changed])
    # The higher of then and now: a move of the rates alone neither fires an alert nor makes it deaf.
    then = np.where(seen_before, _at(rows["reference"], verdicts.at[changed]), 0)
    return Changes(
        row=seen.row[changed],
        reference=amounts.of(seen.price[changed], currency),
        seen_before=seen_before,
        previous_price=previous,
        previous_reference=np.maximum(then, amounts.of(previous, currency)),
    )


def _merge(seen: Sightings, boards: Boards, verdicts: Verdicts, references: Ints) -> tuple[Rows, Ints]:
    """All rows with the sightings worked in, and where each board then begins."""
    new, changed, newer = ~verdicts.known, verdicts.changed, verdicts.newer
    rows = _with_blanks(boards.rows, verdicts.at[new], seen.fare[new])
    now_at = verdicts.at + np.cumsum(new) - new  # each stands behind the new ones before it
    layout.put_prices(rows, now_at[changed], seen.price[changed], references)
    layout.put_observations(rows, now_at[newer], seen.observed_at[newer], seen.rank[newer])
    added = np.bincount(seen.board[new], minlength=len(boards.headers))
    return rows, boards.offsets + np.concatenate(([0], np.cumsum(added)))


def _with_blanks(rows: Rows, at: Ints, fares: Keys) -> Rows:
    """A copy with rows for these fares before those positions; their prices are yet to be written."""
    if not len(fares):
        return rows.view(np.uint8).copy().view(layout.ROW)  # ten times as fast as row by row
    blank = np.zeros(len(fares), dtype=layout.ROW)
    blank["fare"] = fares
    return np.insert(rows, at, blank)


def _values(seen: Sightings, boards: Boards, verdicts: Verdicts, rows: Rows, offsets: Ints) -> dict[int, bytes]:
    """The new values of the boards that a sighting had an effect on."""
    effects = np.bincount(seen.board[verdicts.newer], minlength=len(boards.headers))
    touched = np.flatnonzero(effects).tolist()
    return dict(zip(touched, layout.next_values(boards.headers, rows, offsets, touched), strict=True))
