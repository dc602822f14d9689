"""The changes of messages, parted by the shard that holds their routes. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shared.airports import route_of
from shared.messages.changes import CHANGES
from shared.messages.columns import FareColumns
from shared.messages.fare_key import airports_of, split_boards
from shared.messages.integers import integers
from shared.shard_map import ShardMap, bucket_of

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

NEVER_SEEN: Final = 0  # as a previous price
_ELSEWHERE: Final = -1  # as a position


# What is read of a change's document once it is packed.
_READ: Final = pa.schema(
    [CHANGES.fields.field(name) for name in ("source", "reference_price", "previous_price", "previous_reference_price")]
)


class Place(NamedTuple):
    """Between which cities and airports a board's fares go."""

    route: str
    origin: str
    destination: str


@dataclass(frozen=True, slots=True)
class Part:
    """The changes on one shard's routes, as columns of n, and their b boards.

    Attributes:
        batch: all valid changes of the messages.
        row: which rows of the batch these are.
        boards: the packed keys of the boards.
        places: of each board.
        departure: of each board, in days since 1970.
        returning: likewise; 0 for one way.
        board: which of the boards a change is on.
        fare: packed keys.
        price: quoted, as is `previous`: 0 if the fare was never seen.
        reference: at the rates when it was observed.
        previous_reference: the higher of the rates then and at the observation.
        observed_at: in ms since 1970.
    """

    batch: pa.RecordBatch
    row: Ints
    boards: Keys
    places: list[Place]
    departure: Ints
    returning: Ints
    board: Ints
    fare: Keys
    price: Ints
    previous: Ints
    reference: Ints
    previous_reference: Ints
    observed_at: Ints

    @property
    def rows(self) -> pa.RecordBatch:
        """The same changes as a batch."""
        return self.batch.take(pa.array(self.row))

    def on(self, boards: Ints) -> "Part":
        """Only the changes on these boards, given by position in ascending order."""
        new_position = np.full(len(self.boards), _ELSEWHERE)
        new_position[boards] = np.arange(len(boards))
        board = new_position[self.board]
        here = np.flatnonzero(board != _ELSEWHERE)
        return Part(
            batch=self.batch,
            row=self.row[here],
            boards=self.boards[boards],
            places=[self.places[i] for i in boards.tolist()],
            departure=self.departure[boards],
            returning=self.returning[boards],
            board=board[here],
            fare=self.fare[here],
            price=self.price[here],
            previous=self.previous[here],
            reference=self.reference[here],
            previous_reference=self.previous_reference[here],
            observed_at=self.observed_at[here],
        )

    @property
    def buckets(self) -> set[int]:
        """The buckets of its routes."""
        return {bucket_of(place.route) for place in self.places}

    def keys(self, position: int) -> tuple[int, int]:
        """The packed keys of the board and the fare of a change."""
        return int(self.boards[self.board[position]]), int(self.fare[position])

    def positions_on(self, boards: Collection[int]) -> dict[tuple[int, int], int]:
        """The positions of the changes on these boards, by the keys of board and fare."""
        there = np.isin(self.boards[self.board], np.array(list(boards), dtype=np.uint64))
        return {self.keys(position): position for position in np.flatnonzero(there).tolist()}

    def route(self, position: int) -> str:
        """The route of a change."""
        return self.places[self.board[position]].route

    def sources(self, position: Ints) -> list[str]:
        """Who saw the fares of these changes."""
        sources: list[str] = self.batch["source"].take(pa.array(self.row[position])).to_pylist()
        return sources


def joined(batches: Sequence[FareColumns]) -> FareColumns:
    """The valid changes of several messages as one, with those columns alone that are read here."""
    names = [field.name for field in fields(FareColumns) if field.name != "rows"]
    return FareColumns(
        rows=pa.concat_batches([batch.rows.select(_READ.names).cast(_READ) for batch in batches]),
        **{name: np.concatenate([getattr(batch, name) for batch in batches]) for name in names},
    )


def parts_by_shard(changes: FareColumns, shard_map: ShardMap) -> Iterator[tuple[int, Part]]:
    """Part valid changes by the shard that holds their routes."""
    whole = _whole(changes)
    routes = {place.route for place in whole.places}
    shard_of_route = {route: shard_map.shard_of(route) for route in routes}
    shard_of_board = np.array([shard_of_route[place.route] for place in whole.places])
    for shard in np.unique(shard_of_board):
        yield int(shard), whole.on(np.flatnonzero(shard_of_board == shard))


def _whole(changes: FareColumns) -> Part:
    boards, board = np.unique(changes.board, return_inverse=True)
    parts = split_boards(boards)
    airports, pair = np.unique(parts.airports, return_inverse=True)
    places = [_place(code) for code in airports.tolist()]
    return Part(
        batch=changes.rows,
        row=np.arange(len(board)),
        boards=boards,
        places=[places[i] for i in pair.tolist()],
        departure=parts.departure,
        returning=parts.returning,
        board=board,
        fare=changes.fare,
        price=changes.price,
        previous=integers(changes.rows["previous_price"], NEVER_SEEN),
        reference=changes.rows["reference_price"].to_numpy(),
        previous_reference=integers(changes.rows["previous_reference_price"], NEVER_SEEN),
        observed_at=changes.observed_at,
    )


@lru_cache(maxsize=65_536)
def _place(airports: int) -> Place:
    origin, destination = airports_of(airports)
    return Place(route_of(origin, destination), origin, destination)
