"""The fares that notices are about, as their boards in Redis have them now."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import numpy as np

from services.notifier.vetting.revocation import Listing
from shared.airports import is_airport
from shared.breaker import Breaker
from shared.errors import TransientError
from shared.fare_boards import layout
from shared.fare_boards.layout import BoardFormatError, Boards, Rows, redis_key
from shared.fare_boards.store import BoardStore
from shared.messages import fare_key
from shared.messages.notifications import Fare

# The days that board keys count, in 16 bits.
_FIRST_DAY: Final = date(1970, 1, 1)
_LAST_DAY: Final = date(2149, 6, 6)


class FareReader:
    """Looks fares up on their boards; while Redis keeps failing it is left alone for a while."""

    def __init__(self, boards: BoardStore) -> None:
        self._boards = boards
        self._breaker = Breaker("redis")

    async def read(self, fares: Iterable[Fare]) -> dict[Fare, Listing]:
        """Find these fares, as many as are there; one that no board can hold is not.

        Raises:
            UnavailableError: Redis cannot be reached.
            TransientError: a board is of a format not known here.
        """
        by_board: dict[int, list[Fare]] = {}
        for fare in set(fares):
            if _fits_a_board(fare):
                by_board.setdefault(_board_of(fare), []).append(fare)
        boards = await self._read([redis_key(board) for board in by_board])
        listings: dict[Fare, Listing] = {}
        for position, wanted in enumerate(by_board.values()):
            listings |= _listings(wanted, boards.rows[boards.offsets[position] : boards.offsets[position + 1]])
        return listings

    async def _read(self, keys: Sequence[str]) -> Boards:
        if not keys:
            return layout.parse([])
        try:
            async with self._breaker.guard():
                return await self._boards.read(keys)
        except BoardFormatError as error:
            # Perhaps of a newer version at work beside this one.
            raise TransientError("board_unreadable", str(error)) from error


def _fits_a_board(fare: Fare) -> bool:
    days = [fare.departure_date, *([fare.return_date] if fare.return_date else [])]
    return all(map(is_airport, (fare.origin, fare.destination))) and all(_FIRST_DAY <= day <= _LAST_DAY for day in days)


def _board_of(fare: Fare) -> int:
    return fare_key.pack_board(fare_key.Board(fare.origin, fare.destination, fare.departure_date, fare.return_date))


def _key_of(fare: Fare) -> int:
    flight = (fare.carrier, fare.flight_number, fare.departure_time)
    return fare_key.pack_fare(fare_key.Fare(*flight, fare.cabin, fare.stops, fare.currency))


def _listings(fares: Sequence[Fare], rows: Rows) -> dict[Fare, Listing]:
    """Find fares among the rows of their board, which are sorted by fare key."""
    keys = np.array([_key_of(fare) for fare in fares], dtype=np.uint64)
    at = np.searchsorted(rows["fare"], keys)
    prices, observations = layout.prices(rows), layout.observations(rows)
    return {
        fare: Listing(int(prices[row]), int(observations[row]))
        for fare, key, row in zip(fares, keys, at, strict=True)
        if row < len(rows) and rows["fare"][row] == key
    }
