"""Which sightings change the price on their board, and what the boards then hold. Pure numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.conversion import ReferenceAmounts
from shared.fare_boards import layout
from shared.fare_boards.layout import Boards, Rows
from shared.messages.columns import FareColumns
from shared.messages.fare_key import currency_of

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint64]

_PRICE_BITS = 40


@dataclass(frozen=True, slots=True)
class Sightings:
    """The latest sighting of each fare in a batch, sorted by board and fare.

    `boards` are the b distinct board keys, `board` says for each of n sightings which one (0 to b - 1),
    `row` which row of the batch it was.
    """

    boards: Keys
    board: Ints
    fare: Keys
    price: Ints
    observed_at: Ints
    row: Ints

    def on(self, boards: Sequence[int]) -> "Sightings":
        """Only what was seen on these boards, given by position in ascending order."""
        wanted = np.isin(self.board, boards)
        return Sightings(
            self.boards[boards],
            np.searchsorted(boards, self.board[wanted]),
            self.fare[wanted],
            self.price[wanted],
            self.observed_at[wanted],
            self.row[wanted],
        )


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

    `at` is where its fare stands among the rows of all boards, or should; `known` whether it does; `newer` whether
    the sighting has an effect; `changed` whether it changes the price; `reference` is its reference amount.
    """

    at: Ints
    known: Bools
    newer: Bools
    changed: Bools
    reference: Ints


def latest(fares: FareColumns) -> Sightings:
    """Keep one sighting of each fare: the latest, and of two at the same instant the cheaper.

    So the outcome does not depend on the order in which documents arrive.
    """
    order = np.lexsort((-fares.price, fares.observed_at, fares.fare, fares.board))
    board, fare = fares.board[order], fares.fare[order]
    is_last = np.append((board[1:] != board[:-1]) | (fare[1:] != fare[:-1]), True)[: len(order)]
    kept = order[is_last]
    boards, position = np.unique(fares.board[kept], return_inverse=True)
    return Sightings(
        boards, position.astype(np.int64), fares.fare[kept], fares.price[kept], fares.observed_at[kept], kept
    )


def compare(seen: Sightings, boards: Boards, amounts: ReferenceAmounts, stale_before: int) -> Comparison:
    """Compare sightings with their boards.

    Args:
        seen: n sightings on b boards.
        boards: the same b boards as they are now.
        amounts: today's rates.
        stale_before: rows last seen before this instant, in ms since 1970, count as not there, and leave the boards
            that are written. No sighting is from before it, else it might be older than a row that is not looked at.

    A sighting that is older than its row, or as old and not cheaper, has no effect.
    """
    boards = _available(boards, stale_before)
    verdicts = _judge(seen, boards, amounts)
    changes = _changes(seen, boards.rows, verdicts, amounts)
    rows, offsets = _merge(seen, boards, verdicts)
    touched = np.unique(seen.board[verdicts.newer])
    return Comparison(changes, _values(touched, boards, rows, offsets))


def _available(boards: Boards, stale_before: int) -> Boards:
    """Without the rows that no source has confirmed since."""
    fresh = layout.observations(boards.rows) >= stale_before
    if fresh.all():
        return boards
    kept_before = np.concatenate(([0], np.cumsum(fresh)))
    return Boards(boards.headers, kept_before[boards.offsets], boards.rows[fresh])


def _judge(seen: Sightings, boards: Boards, amounts: ReferenceAmounts) -> Verdicts:
    at, known = _locate(seen, boards)
    rows = boards.rows[at[known]]
    newer, changed = np.ones(len(at), dtype=bool), np.ones(len(at), dtype=bool)
    newer[known] = _supersedes(seen, known, rows)
    changed[known] = newer[known] & (seen.price[known] != layout.prices(rows))
    return Verdicts(at, known, newer, changed, amounts.of(seen.price, currency_of(seen.fare)))


def _locate(seen: Sightings, boards: Boards) -> tuple[Ints, Bools]:
    """Where each sighting's fare stands among all rows, or should; and whether it does.

    A binary search in each sighting's own board, all sightings a step at a time.
    """
    if not len(boards.rows):
        return boards.offsets[seen.board], np.zeros(len(seen.fare), dtype=bool)
    fares = np.ascontiguousarray(boards.rows["fare"])
    low, end = boards.offsets[seen.board], boards.offsets[seen.board + 1]
    high = end.copy()
    while (searching := low < high).any():
        middle = np.minimum((low + high) >> 1, len(fares) - 1)
        below = fares[middle] < seen.fare
        low = np.where(searching & below, middle + 1, low)
        high = np.where(searching & ~below, middle, high)
    found = (low < end) & (fares[np.minimum(low, len(fares) - 1)] == seen.fare)
    return low, found


def _supersedes(seen: Sightings, known: Bools, rows: Rows) -> Bools:
    observed_at, row_observed_at = seen.observed_at[known], layout.observations(rows)
    cheaper = seen.price[known] < layout.prices(rows)
    return (observed_at > row_observed_at) | ((observed_at == row_observed_at) & cheaper)


def _changes(seen: Sightings, rows: Rows, verdicts: Verdicts, amounts: ReferenceAmounts) -> Changes:
    changed = verdicts.changed
    seen_before = verdicts.known[changed]
    previous_price = np.zeros(len(seen_before), dtype=np.int64)
    previous_reference = np.zeros(len(seen_before), dtype=np.int64)
    old = rows[verdicts.at[changed & verdicts.known]]
    previous_price[seen_before] = layout.prices(old)
    # The higher of then and now: a move of the rates alone neither fires an alert nor makes it deaf.
    today = amounts.of(layout.prices(old), currency_of(old["fare"]))
    previous_reference[seen_before] = np.maximum(old["reference"], today)
    return Changes(seen.row[changed], verdicts.reference[changed], seen_before, previous_price, previous_reference)


def _merge(seen: Sightings, boards: Boards, verdicts: Verdicts) -> tuple[Rows, Ints]:
    """All rows with the sightings worked in, and where each board then begins."""
    new, changed, newer = ~verdicts.known, verdicts.changed, verdicts.newer
    rows = np.insert(boards.rows, verdicts.at[new], _blank_rows(seen.fare[new]))
    now_at = verdicts.at + np.cumsum(new) - new  # each stands behind the new ones before it
    layout.put_prices(rows, now_at[changed], seen.price[changed], verdicts.reference[changed])
    layout.put_observations(rows, now_at[newer], seen.observed_at[newer])
    added = np.bincount(seen.board[new], minlength=len(boards.headers))
    return rows, boards.offsets + np.concatenate(([0], np.cumsum(added)))


def _blank_rows(fares: Keys) -> Rows:
    rows = np.zeros(len(fares), dtype=layout.ROW)
    rows["fare"] = fares
    return rows


def _values(touched: Ints, boards: Boards, rows: Rows, offsets: Ints) -> dict[int, bytes]:
    return {
        int(board): layout.next_header(boards.headers[board]) + rows[offsets[board] : offsets[board + 1]].tobytes()
        for board in touched
    }
