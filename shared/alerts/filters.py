"""Which fares an alert wants. Pure.

The alert worker's SQL says the same of alerts by the thousand; a test holds the two together.
"""

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from shared.airports import cities, route_of
from shared.messages.codes import CABINS, airport_code, carrier_code
from shared.messages.fare_key import Board, Fare, pack_boards, split_fares

_EPOCH: Final = date(1970, 1, 1)
# West of everyone a date ends twelve hours after it has ended in UTC.
_LAST_ZONE: Final = timedelta(hours=12)

Keys = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]


def first_departure(now: datetime) -> date:
    """The first day of departure that is still ahead of somebody, somewhere."""
    return (now.astimezone(UTC) - _LAST_ZONE).date()


class Row(Protocol):
    """A row by its columns' names, of whatever library."""

    def __getitem__(self, name: str, /) -> Any: ...  # noqa: ANN401  # as many types as columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """A route with what narrows it down; None lets everything through. The names are those of the columns.

    A fare of an unknown carrier is not among `carriers`, and not among `excluded_carriers` either.
    """

    route: str
    origin_airports: list[str] | None = None
    destination_airports: list[str] | None = None
    departure_from: date
    departure_to: date
    round_trip: bool = False
    return_from: date | None = None
    return_to: date | None = None
    nights_min: int | None = None
    nights_max: int | None = None
    weekdays: int | None = None
    cabin: int | None = None
    max_stops: int | None = None
    carriers: list[str] | None = None
    excluded_carriers: list[str] | None = None

    @classmethod
    def of(cls, row: Row) -> "Filters":
        """The filters in a row of alerts."""
        return cls(**{name: row[name] for name in _COLUMNS})

    @property
    def origins(self) -> list[str]:
        """The airports to leave from."""
        return sorted(cities()[self.route[:3]]) if self.origin_airports is None else self.origin_airports

    @property
    def destinations(self) -> list[str]:
        """The airports to arrive at."""
        return sorted(cities()[self.route[4:]]) if self.destination_airports is None else self.destination_airports

    def want(self, board: Board, fare: Fare) -> bool:
        """Whether this fare of this board is wanted."""
        return (
            route_of(board.origin, board.destination) == self.route
            and (self.origin_airports is None or board.origin in self.origin_airports)
            and (self.destination_airports is None or board.destination in self.destination_airports)
            and self._want_dates(board.departure_date, board.return_date)
            and self.cabin in {None, CABINS.index(fare.cabin)}
            and (self.max_stops is None or fare.stops <= self.max_stops)
            and (self.carriers is None or fare.carrier in self.carriers)
            and (self.excluded_carriers is None or fare.carrier not in self.excluded_carriers)
        )

    def count_dates(self, first: date) -> int:
        """How many pairs of departure, on this day or later, and return are wanted; one way, how many departures."""
        return sum(len(self._returns(day)) for day in self._departures(first))

    def boards(self, first: date) -> Keys:
        """The packed keys of all boards with wanted fares that depart on this day or later, some of them absent."""
        dates = [(day, back) for day in self._departures(first) for back in self._returns(day)]
        departure, returning = np.array(dates, dtype=np.int64).reshape(-1, 2).T
        airports = list(product(map(airport_code, self.origins), map(airport_code, self.destinations)))
        origin, destination = np.array(airports, dtype=np.int64).reshape(-1, 2).T[:, :, np.newaxis]
        return pack_boards(origin, destination, departure, returning).ravel()

    def want_fares(self, fares: Keys) -> npt.NDArray[np.bool_]:
        """Which of n fares, by key, are wanted for what they are."""
        wanted = np.ones(len(fares), dtype=bool)
        if (self.cabin, self.max_stops, self.carriers, self.excluded_carriers) == (None, None, None, None):
            return wanted
        parts = split_fares(fares)
        if self.cabin is not None:
            wanted &= parts.cabin == self.cabin
        if self.max_stops is not None:
            wanted &= parts.stops <= self.max_stops
        if self.carriers is not None:
            wanted &= np.isin(parts.carrier, [carrier_code(carrier) for carrier in self.carriers])
        if self.excluded_carriers is not None:
            wanted &= ~np.isin(parts.carrier, [carrier_code(carrier) for carrier in self.excluded_carriers])
        return wanted

    def _want_dates(self, departure: date, back: date | None) -> bool:
        day = _day(departure)
        in_window = self.departure_from <= departure <= self.departure_to
        return in_window and self._want_weekday(day) and (_day(back) if back else 0) in self._returns(day)

    def _departures(self, first: date) -> list[int]:
        """The days of departure from this day on, as days since 1970."""
        window = range(_day(max(first, self.departure_from)), _day(self.departure_to) + 1)
        return [day for day in window if self._want_weekday(day)]

    def _want_weekday(self, day: int) -> bool:
        # 1 January 1970 was a Thursday.
        return self.weekdays is None or bool(self.weekdays >> (day + 3) % 7 & 1)

    def _returns(self, departure: int) -> range:
        """The days of return for a day of departure, as days since 1970; 0 stands for one way."""
        if not self.round_trip:
            return range(1)
        earliest = [departure, departure + (self.nights_min or 0), _day(self.return_from or _EPOCH)]
        latest = [
            *([departure + self.nights_max] if self.nights_max is not None else []),
            *([_day(self.return_to)] if self.return_to is not None else []),
        ]
        return range(max(earliest), min(latest) + 1)


def _day(day: date) -> int:
    return (day - _EPOCH).days


_COLUMNS: Final = tuple(field.name for field in fields(Filters))
