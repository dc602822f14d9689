"""The comparison of fares as section 5 of the design has it, in plain Python on documents and dictionaries.

It shares no code with what it checks.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

from tests.unit.fares import Document

BOARD_FIELDS = ("origin", "destination", "departure_date", "return_date")
FARE_FIELDS = ("carrier", "flight_number", "departure_time", "cabin", "stops", "currency")

Parts = tuple[Any, ...]
Place = tuple[Parts, Parts]  # the board and the fare on it
Factors = dict[str, tuple[int, int]]

RANKS = {"better": 1, "best": 2}
WINDOW = timedelta(minutes=2)


@dataclass
class Row:
    price: int
    reference: int
    observed: str
    rank: int


@dataclass(frozen=True)
class Change:
    price: int
    reference: int
    previous: int | None
    previous_reference: int | None


@dataclass
class Model:
    boards: dict[Parts, dict[Parts, Row]] = field(default_factory=dict)

    def work_in(
        self, documents: list[Document], factors: Factors, stale_before: str
    ) -> tuple[dict[Place, Change], set[Parts]]:
        """The changes by place, and the boards that are written."""
        sightings: dict[Place, Document] = {}
        for document in documents:
            place = place_of(document)
            sightings[place] = max(document, sightings.get(place, document), key=order_of)
        changes, written = {}, set()
        for (board, fare_of_board), sighting in sightings.items():
            price, observed, rank = sighting["price"], sighting["observed_at"], rank_of(sighting)
            factor = Fraction(*factors[fare_of_board[-1]])
            row = self.boards.get(board, {}).get(fare_of_board)
            if row and row.observed < stale_before:
                row = None
            if row and order(row.observed, row.price, row.rank) >= order_of(sighting):
                continue
            written.add(board)
            reference = half_up(price * factor)
            if row is None:
                changes[board, fare_of_board] = Change(price, reference, None, None)
            elif row.price == price:
                reference = row.reference
            else:
                previous_reference = max(row.reference, half_up(row.price * factor))
                changes[board, fare_of_board] = Change(price, reference, row.price, previous_reference)
            self.boards.setdefault(board, {})[fare_of_board] = Row(price, min(reference, 2**32 - 1), observed, rank)
        for board in written:
            rows = self.boards[board]
            self.boards[board] = {key: row for key, row in rows.items() if row.observed >= stale_before}
        return changes, written


def order_of(sighting: Document) -> tuple[datetime, int, int]:
    return order(sighting["observed_at"], sighting["price"], rank_of(sighting))


def order(observed: str, price: int, rank: int) -> tuple[datetime, int, int]:
    """The sighting of a fare that comes last in this order is the one that is left."""
    return datetime.fromisoformat(observed) + rank * WINDOW, -price, rank


def rank_of(sighting: Document) -> int:
    return RANKS.get(sighting["source"], 0)


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def place_of(document: Document) -> Place:
    return tuple(document[name] for name in BOARD_FIELDS), tuple(document[name] for name in FARE_FIELDS)
