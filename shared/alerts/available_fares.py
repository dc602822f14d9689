"""The fares that alerts want, read from the boards in Redis."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from shared.alerts.best_fare import Keys, KnownFares
from shared.alerts.filters import Filters, first_departure
from shared.conversion import ReferenceAmounts
from shared.errors import TransientError
from shared.fare_boards import layout
from shared.fare_boards.layout import BoardFormatError, Boards, redis_key
from shared.fare_boards.store import BoardStore
from shared.messages.evaluations import Sighting

# So many that one call does not hold up the others on Redis.
_BOARDS_A_CALL: Final = 1_000


@dataclass(frozen=True, slots=True)
class AvailableFares:
    """Reads boards for alerts.

    Args:
        boards: where they are.
        lifetime: a fare that no source has confirmed for so long does not count.
        clock: the present instant.
    """

    boards: BoardStore
    lifetime: timedelta
    clock: Callable[[], datetime]

    @property
    def first_departure(self) -> date:
        """The first day of departure that counts now."""
        return first_departure(self.clock())

    @property
    def stale_before(self) -> int:
        """A fare last seen before this instant, in ms since 1970, does not count."""
        return int((self.clock() - self.lifetime).timestamp() * 1000)

    async def wanted_by(self, filters: Iterable[Filters], amounts: ReferenceAmounts) -> KnownFares:
        """All fares on the boards that any of these alerts wants something of.

        Raises:
            UnavailableError: Redis cannot be reached.
            TransientError: a board is of a format not known here.
        """
        keys = [each.boards(self.first_departure) for each in filters]
        return await self.on(np.unique(np.concatenate(keys)) if keys else np.array([], dtype=np.uint64), amounts)

    async def on(self, keys: Keys, amounts: ReferenceAmounts) -> KnownFares:
        """All fares on these boards, given in ascending order; raises as above."""
        chunks = [keys[start : start + _BOARDS_A_CALL] for start in range(0, len(keys), _BOARDS_A_CALL)]
        return KnownFares.joined(
            [KnownFares.on(chunk, await self._read(chunk), amounts, self.stale_before) for chunk in chunks]
        )

    async def behind(self, sightings: Iterable[Sighting]) -> frozenset[Sighting]:
        """Those that their boards do not show yet; a fare that is on no board counts as shown. Raises as above."""
        wanted = list(sightings)
        boards = await self._read(np.array([sighting.board for sighting in wanted], dtype=np.uint64))
        observed_at = layout.observations(boards.rows)
        at = [_find(boards, number, sighting.fare) for number, sighting in enumerate(wanted)]
        return frozenset(
            sighting
            for sighting, row in zip(wanted, at, strict=True)
            if row is not None and observed_at[row] < sighting.observed_at.timestamp() * 1000
        )

    async def _read(self, keys: Keys) -> Boards:
        if not len(keys):
            return layout.parse([])
        try:
            return await self.boards.read([redis_key(int(key)) for key in keys])
        except BoardFormatError as error:
            # Perhaps of a newer version at work beside this one.
            raise TransientError("board_unreadable", str(error)) from error


def _find(boards: Boards, number: int, fare: int) -> int | None:
    """The row of a fare on a board, whose rows are sorted by fare."""
    first, end = (int(offset) for offset in boards.offsets[number : number + 2])
    row = first + int(np.searchsorted(boards.rows["fare"][first:end], np.uint64(fare)))
    return row if row < end and boards.rows["fare"][row] == fare else None
