"""The cheapest fare on the boards that an alert wants. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import numpy.typing as npt

from shared.alerts.filters import Filters
from shared.conversion import ReferenceAmounts
from shared.fare_boards import layout
from shared.fare_boards.layout import Boards
from shared.messages.fare_key import currency_of

Keys = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, order=True)
class AvailableFare:
    """A fare on a board: the cheapest first, then the lower key. `price` is in the fare's own currency."""

    reference_price: int
    board: int
    fare: int
    price: int
    observed_at: int  # in ms since 1970


@dataclass(frozen=True, slots=True)
class KnownFares:
    """The fares of some boards that a source has confirmed lately, as columns of n in the order of their boards."""

    board: Keys
    fare: Keys
    price: Ints
    reference: Ints
    observed_at: Ints

    @classmethod
    def on(cls, keys: Keys, boards: Boards, amounts: ReferenceAmounts, stale_before: int) -> "KnownFares":
        """Read boards.

        Args:
            keys: the packed keys of b boards, ascending.
            boards: the same b boards.
            amounts: today's rates; a fare in a currency without one is left out.
            stale_before: so is a fare last seen before this instant, in ms since 1970: it may be gone.
        """
        prices, observed_at = layout.prices(boards.rows), layout.observations(boards.rows)
        fares = boards.rows["fare"].astype(np.uint64)
        reference = amounts.of(prices, currency_of(fares))
        kept = (observed_at >= stale_before) & (reference > 0)
        owner = np.repeat(keys, np.diff(boards.offsets))
        return cls(owner[kept], fares[kept], prices[kept], reference[kept], observed_at[kept])

    @classmethod
    def joined(cls, parts: "Sequence[KnownFares]") -> "KnownFares":
        """The fares of several readings, of ever higher boards, as one; of none, none."""
        none = np.array([], dtype=np.int64)
        if not parts:
            return cls(none.astype(np.uint64), none.astype(np.uint64), none, none, none)
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def best(self, filters: Filters, first: date) -> AvailableFare | None:
        """The cheapest wanted fare that departs on this day or later, of equals the one with the lower key."""
        at = self._on(filters.boards(first))
        at = at[filters.want_fares(self.fare[at])]
        if not len(at):
            return None
        reference = self.reference[at]
        cheapest = at[reference == reference.min()]
        return self._fare(cheapest[np.lexsort((self.fare[cheapest], self.board[cheapest]))[0]])

    def of(self, board: int, fare: int) -> AvailableFare | None:
        """One fare by its keys, None if it is not there."""
        on_board = self._on(np.array([board], dtype=np.uint64))
        at = on_board[self.fare[on_board] == np.uint64(fare)]
        return self._fare(at[0]) if len(at) else None

    def _on(self, keys: Keys) -> Ints:
        """Where the fares of these boards stand."""
        begin, end = np.searchsorted(self.board, keys), np.searchsorted(self.board, keys, side="right")
        sizes = end - begin
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.repeat(begin, sizes) + within

    def _fare(self, at: int) -> AvailableFare:
        columns = (self.reference, self.board, self.fare, self.price, self.observed_at)
        return AvailableFare(*(int(column[at]) for column in columns))
