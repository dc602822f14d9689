"""The comparison of fares as section 5 of the design has it, in plain Python on documents and dictionaries.

It shares no code with what it checks.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

from tests.unit.fares import Document

BOARD_FIELDS = ("origin", "destination", "departure_date", "return_date")
FARE_FIELDS = ("carrier", "flight_number", "departure_time", "cabin", "stops", "currency")

Parts = tuple[Any, ...]
Place = tuple[Parts, Parts]  # the board and the fare on it
Factors = dict[str, tuple[int, int]]


@dataclass
class Row:
    price: int
    reference: int
    observed: str


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
        sightings: dict[Place, tuple[str, int]] = {}
        for document in documents:
            place = place_of(document)
            sighting = (document["observed_at"], -document["price"])
            sightings[place] = max(sighting, sightings.get(place, sighting))
        changes, written = {}, set()
        for (board, fare_of_board), (observed, negative_price) in sightings.items():
            price, factor = -negative_price, Fraction(*factors[fare_of_board[-1]])
            row = self.boards.get(board, {}).get(fare_of_board)
            if row and row.observed < stale_before:
                row = None
            if row and (row.observed, -row.price) >= (observed, negative_price):
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
            self.boards.setdefault(board, {})[fare_of_board] = Row(price, min(reference, 2**32 - 1), observed)
        for board in written:
            rows = self.boards[board]
            self.boards[board] = {key: row for key, row in rows.items() if row.observed >= stale_before}
        return changes, written


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def place_of(document: Document) -> Place:
    return tuple(document[name] for name in BOARD_FIELDS), tuple(document[name] for name in FARE_FIELDS)
