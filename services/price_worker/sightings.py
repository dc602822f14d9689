"""The latest sighting of each fare in a batch: what is compared with the boards. Pure numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.price_worker.precedence import ALL_ALIKE, Precedence
from shared.messages.columns import FareColumns

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Sightings:
    """The latest sighting of each fare in a batch, sorted by board and fare.

    `boards` are the b distinct board keys, `board` says for each of n sightings which one (0 to b - 1),
    `row` which row of the batch it was, and `rank` that of its source.
    """

    boards: Keys
    board: Ints
    fare: Keys
    price: Ints
    observed_at: Ints
    row: Ints
    rank: Ints

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
            self.rank[wanted],
        )


def latest(fares: FareColumns, precedence: Precedence = ALL_ALIKE) -> Sightings:
    """Keep one sighting of each fare: the one that stands latest, and of two that stand alike the cheaper.

    Of equal prices that stand alike it is the one from the better source. So the outcome does not depend on the order
    in which documents arrive.
    """
    boards, board = _numbered(fares.board)
    rank = precedence.ranks_of(fares.rows["source"])
    row = _sorted(board, fares.fare)
    repeated = (board[row[1:]] == board[row[:-1]]) & (fares.fare[row[1:]] == fares.fare[row[:-1]])
    if repeated.any():
        row = np.lexsort((rank, -fares.price, precedence.standing(fares.observed_at, rank), fares.fare, board))
        row = row[np.append(~repeated, True)]
    return Sightings(boards, board[row], fares.fare[row], fares.price[row], fares.observed_at[row], row, rank[row])


def _numbered(boards: Keys) -> tuple[Keys, Ints]:
    """The distinct boards in ascending order, and which of them each row is on.

    A sweep yields the fares of a board together: then only where one begins needs to be sorted.
    """
    begins = np.append(True, boards[1:] != boards[:-1])[: len(boards)]
    distinct, number = np.unique(boards[begins], return_inverse=True)
    return distinct, number.astype(np.int64)[np.cumsum(begins) - 1]


def _sorted(board: Ints, fare: Keys) -> Ints:
    """The rows sorted by board and fare; those equal in both come in any order.

    First by fare, which numpy does in vector registers, then stably by board, which takes numbers of 16 bits in
    linear time: a quarter of what `lexsort` takes.
    """
    by_fare = np.argsort(fare)
    narrow = board.astype(np.uint16)  # a batch has fewer rows
    return by_fare[np.argsort(narrow[by_fare], kind="stable")]
