"""The fare boards as section 5 of the design has them, in plain Python; shares no code with what it checks."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor
from typing import NamedTuple

from tests.integration.alert_world import DECIMALS, LIFETIME, Board, Offer, Sighting

Fare = tuple[Board, Offer]
Rates = dict[str, Fraction]  # units of a currency for one euro


class Row(NamedTuple):
    price: int
    reference: int  # at the rates when this price was first seen
    observed_at: datetime


class Change(NamedTuple):
    fare: Fare
    price: int
    reference: int
    observed_at: datetime
    previous: int | None
    previous_reference: int | None

    @property
    def fell(self) -> bool:
        return self.previous is None or self.price < self.previous


@dataclass
class Work:
    """A batch in the hands of a price worker: what it read, and which changes it has published."""

    now: datetime
    latest: dict[Fare, tuple[datetime, int]]
    rates: Rates
    versions: dict[Board, int]
    changes: list[Change]
    rows: dict[Fare, Row]


@dataclass
class Boards:
    rows: dict[Fare, Row] = field(default_factory=dict)
    versions: dict[Board, int] = field(default_factory=dict)
    changed_at: dict[Fare, datetime] = field(default_factory=dict)  # when a price worker last told of it
    fell_at: dict[Fare, datetime] = field(default_factory=dict)  # the same of falls and first sights

    def begin(self, batch: list[Sighting], made_at: datetime, now: datetime, rates: Rates) -> Work:
        """Compare a batch with the boards as they are now."""
        latest: dict[Fare, tuple[datetime, int]] = {}
        for seen in batch:
            observed_at = made_at - seen.age
            if seen.price > 0 and now - LIFETIME <= observed_at <= now + timedelta(minutes=5) and is_ahead(seen, now):
                fare = (seen.board, seen.offer)
                # Of two at the same instant the cheaper.
                best = max(latest.get(fare, (observed_at, -seen.price)), (observed_at, -seen.price))
                latest[fare] = best
        found = {fare: (observed_at, -price) for fare, (observed_at, price) in latest.items()}
        versions = {board: self.versions.get(board, 0) for board, _ in found}
        work = Work(now, found, rates, versions, [], {})
        self._compare(work, set(versions))
        return work

    def finish(self, work: Work) -> list[Change]:
        """Write the boards; those that others wrote meanwhile are compared again. Returns what is published then."""
        moved = {board for board, version in work.versions.items() if self.versions.get(board, 0) != version}
        published = {(change.fare, change.previous) for change in work.changes}
        work.changes = []
        self._compare(work, moved)
        written = {fare[0] for fare in work.rows}
        self.rows |= work.rows
        for board in written:
            self.versions[board] = self.versions.get(board, 0) + 1
        for fare, row in list(self.rows.items()):
            if fare[0] in written and row.observed_at < work.now - LIFETIME:
                del self.rows[fare]
        return [change for change in work.changes if (change.fare, change.previous) not in published]

    def available(self, now: datetime) -> dict[Fare, Row]:
        """What a source has confirmed lately, and has not left wherever one may be."""
        first = (now - timedelta(hours=12)).date()
        return {
            fare: row
            for fare, row in self.rows.items()
            if row.observed_at >= now - LIFETIME and fare[0].departure >= first
        }

    def _compare(self, work: Work, boards: set[Board]) -> None:
        for fare, (observed_at, price) in work.latest.items():
            if fare[0] not in boards:
                continue
            row = self.rows.get(fare)
            work.rows.pop(fare, None)
            if row and row.observed_at < work.now - LIFETIME:
                row = None
            if row and (observed_at, -price) <= (row.observed_at, -row.price):
                continue
            reference = to_euros(price, fare[1].currency, work.rates)
            if row and row.price == price:
                work.rows[fare] = Row(price, row.reference, observed_at)
                continue
            work.rows[fare] = Row(price, reference, observed_at)
            then = max(row.reference, to_euros(row.price, fare[1].currency, work.rates)) if row else None
            change = Change(fare, price, reference, observed_at, row.price if row else None, then)
            work.changes.append(change)
            self.changed_at[fare] = work.now
            if change.fell:
                self.fell_at[fare] = work.now


def is_ahead(seen: Sighting | Change, now: datetime) -> bool:
    """Whether a fare departs tomorrow, today, or yesterday in UTC: it is still yesterday somewhere."""
    board = seen.board if isinstance(seen, Sighting) else seen.fare[0]
    return board.departure >= now.date() - timedelta(days=1)


def to_euros(amount: int, currency: str, rates: Rates) -> int:
    """Cents, rounded half up."""
    return floor(Fraction(amount) / rates[currency] * Fraction(10) ** (2 - DECIMALS[currency]) + Fraction(1, 2))
