"""The changes of a batch that can fire an alert, by the shard that holds their route."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from services.alert_worker.matching import Candidate
from shared.airports import route_of
from shared.messages.columns import FareColumns
from shared.messages.fare_key import unpack_board
from shared.shard_map import ShardMap

NEVER_SEEN = 2**63 - 1  # the previous price of a fare that was never seen: higher than any armed price


@dataclass(frozen=True, slots=True)
class Falls:
    """The falls on one shard's routes, as parallel lists; `rows` are the same changes as a batch."""

    rows: pa.RecordBatch
    candidates: list[Candidate]
    routes: list[str]
    origins: list[str]
    destinations: list[str]
    departures: list[date]
    prices: list[int]
    previous: list[int]


def falls_by_shard(changes: FareColumns, shard_map: ShardMap) -> dict[int, Falls]:
    """Leave out what rose or stayed in the reference currency, and part the rest by shard.

    Return fares are left out too: alerts are for one-way fares.

    Args:
        changes: valid rows with the columns of the changes' contract.
        shard_map: which shard holds a route.
    """
    price = changes.rows["reference_price"].to_numpy()
    previous = changes.rows["previous_reference_price"].fill_null(NEVER_SEEN).to_numpy()
    one_way = changes.rows["return_date"].is_null().to_numpy(zero_copy_only=False)
    falling = np.flatnonzero((price < previous) & one_way)
    boards, board_of = np.unique(changes.board[falling], return_inverse=True)
    about = [unpack_board(int(board)) for board in boards]
    routes = [route_of(board.origin, board.destination) for board in about]
    shards = np.array([shard_map.shard_of(route) for route in routes], dtype=np.int64)[board_of]
    parts = {}
    for shard in np.unique(shards):
        here = np.flatnonzero(shards == shard)
        row, board = falling[here], board_of[here]
        parts[int(shard)] = Falls(
            rows=changes.rows.take(pa.array(row)),
            candidates=_candidates(price[row], changes.board[row], changes.fare[row]),
            routes=[routes[i] for i in board],
            origins=[about[i].origin for i in board],
            destinations=[about[i].destination for i in board],
            departures=[about[i].departure_date for i in board],
            prices=price[row].tolist(),
            previous=previous[row].tolist(),
        )
    return parts


def _candidates(*columns: np.ndarray) -> list[Candidate]:
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [Candidate(price, board, fare, position) for position, (price, board, fare) in enumerate(rows)]
