"""A price worker's comparison with a dictionary in the place of Redis, and its outcome in the model's words."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from services.price_worker.comparison import Comparison, compare
from services.price_worker.precedence import Precedence
from services.price_worker.sightings import latest
from shared.conversion import ReferenceAmounts
from shared.fare_boards import layout
from shared.messages.columns import FareColumns
from shared.messages.fare_key import unpack_board, unpack_fare
from shared.money import Rates
from tests.unit.fare_model import RANKS, WINDOW, Change, Factors, Parts, Place, Row
from tests.unit.fares import NOW

FACTORS = (
    {"EUR": (1, 1), "USD": (4, 5), "JPY": (1, 2)},
    {"EUR": (1, 1), "USD": (7, 8), "JPY": (100, 301)},
)
LONG_AGO = 0
PRECEDENCE = Precedence(RANKS, WINDOW // timedelta(milliseconds=1))


@dataclass
class Worker:
    values: dict[int, bytes] = field(default_factory=dict)

    def work_in(self, fares: FareColumns, factors: Factors, stale_before: int) -> Comparison:
        seen = latest(fares, PRECEDENCE)
        boards = layout.parse([self.values.get(int(board)) for board in seen.boards])
        comparison = compare(seen, boards, amounts_at(factors), stale_before, PRECEDENCE)
        self.values |= {int(seen.boards[board]): value for board, value in comparison.values.items()}
        return comparison

    @property
    def boards(self) -> dict[Parts, dict[Parts, Row]]:
        """Its boards as the model has them."""
        return {board_of(board): rows_of(value) for board, value in self.values.items()}


def amounts_at(factors: Factors) -> ReferenceAmounts:
    return ReferenceAmounts(Rates(date(2026, 11, 20), "EUR", factors))


def board_of(key: int) -> Parts:
    return tuple(str(part) if isinstance(part, date) else part for part in unpack_board(int(key)))


def rows_of(value: bytes) -> dict[Parts, Row]:
    rows = layout.parse([value]).rows
    columns = (rows["fare"], layout.prices(rows), rows["reference"], layout.observations(rows), layout.ranks(rows))
    return {
        tuple(unpack_fare(fare_key)): Row(price, reference, instant(observed), rank)
        for fare_key, price, reference, observed, rank in zip(*(column.tolist() for column in columns), strict=True)
    }


def changes_of(fares: FareColumns, comparison: Comparison) -> dict[Place, Change]:
    changes = comparison.changes
    places = [
        (board_of(int(fares.board[row])), tuple(unpack_fare(int(fares.fare[row])))) for row in changes.row.tolist()
    ]
    amounts = zip(
        fares.price[changes.row].tolist(),
        changes.reference.tolist(),
        _or_none(changes.previous_price, changes.seen_before),
        _or_none(changes.previous_reference, changes.seen_before),
        strict=True,
    )
    assert len(places) == len(set(places))
    return {place: Change(*amount) for place, amount in zip(places, amounts, strict=True)}


def _or_none(amounts: np.ndarray, known: np.ndarray) -> list[int | None]:
    return [amount if is_known else None for amount, is_known in zip(amounts.tolist(), known.tolist(), strict=True)]


def instant(milliseconds: int) -> str:
    return at(timedelta(milliseconds=milliseconds) - timedelta(seconds=NOW.timestamp()))


def at(after_now: timedelta) -> str:
    return (NOW + after_now).isoformat()


def milliseconds(after_now: timedelta) -> int:
    return round((NOW + after_now).timestamp() * 1000)
