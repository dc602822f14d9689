"""The fares that are on sale now, as the boards in Redis have them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from services.alerts_api.fares.ranking import Found
from shared.alerts.filters import Filters
from shared.fare_boards import layout
from shared.fare_boards.layout import redis_key
from shared.fare_boards.store import BoardStore
from shared.messages.fare_key import split_boards, split_fares, unpack_board, unpack_fare

Keys = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_MINUTES_A_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class LiveFares:
    """n fares as columns: by board, and on each board by key."""

    board: Keys
    fare: Keys
    price: Ints
    observed_at: Ints

    def __len__(self) -> int:
        return len(self.fare)

    def only(self, kept: Bools) -> "LiveFares":
        """Those of them that are kept."""
        return LiveFares(self.board[kept], self.fare[kept], self.price[kept], self.observed_at[kept])

    def wanted_by(self, filters: Filters) -> "LiveFares":
        """Those of them that are wanted for what they are."""
        return self.only(filters.want_fares(self.fare))

    def found(self) -> Found:
        """The same, to be put in order."""
        parts = split_fares(self.fare)
        flight = self.fare - parts.currency.astype(np.uint64)  # the last part of the key
        is_next = (np.diff(flight, prepend=flight[:1]) != 0) | (np.diff(self.board, prepend=self.board[:1]) != 0)
        return Found(
            flight=np.cumsum(is_next),
            departure=split_boards(self.board).departure * _MINUTES_A_DAY + parts.minute,
            observed_at=self.observed_at,
            price=self.price,
            currency=parts.currency,
            describe=self._describe,
        )

    def _describe(self, at: int) -> dict[str, Any]:
        fare = unpack_fare(int(self.fare[at]))._asdict()
        del fare["currency"]
        return unpack_board(int(self.board[at]))._asdict() | fare


@dataclass(frozen=True, slots=True)
class LiveReader:
    """Reads boards.

    Args:
        boards: where they are.
        lifetime: a fare that no source has confirmed for so long does not count.
    """

    boards: BoardStore
    lifetime: timedelta

    async def read(self, filters: Filters, now: datetime) -> LiveFares:
        """All fares between these airports on these dates, whatever else is wanted of them.

        Raises:
            UnavailableError: Redis cannot be reached.
            BoardFormatError: a board is of a format not known here.
        """
        keys = np.sort(filters.boards(filters.departure_from))
        boards = await self.boards.read([redis_key(int(key)) for key in keys])
        fares = LiveFares(
            board=np.repeat(keys, np.diff(boards.offsets)),
            fare=boards.rows["fare"].astype(np.uint64),
            price=layout.prices(boards.rows),
            observed_at=layout.observations(boards.rows),
        )
        return fares.only(fares.observed_at >= (now - self.lifetime).timestamp() * 1000)
