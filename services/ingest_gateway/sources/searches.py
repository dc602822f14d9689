"""Which searches a sweep makes: every route, on every day of departure ahead, for every length of stay."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Search:
    """One search: between airports or cities, on these dates; no return date is one way."""

    origin: str
    destination: str
    departure_date: date
    return_date: date | None

    def __str__(self) -> str:
        dates = f"{self.departure_date}" + (f"..{self.return_date}" if self.return_date else "")
        return f"{self.origin}-{self.destination} {dates}"


@dataclass(frozen=True, slots=True)
class Searches:
    """The searches of every sweep, relative to its day.

    Attributes:
        routes: pairs of IATA codes of airports or cities.
        days_ahead: departures so many days after the sweep's day.
        nights: lengths of stay; None is one way.
        currency: prices are asked for in it, where the API can be asked.
    """

    routes: tuple[tuple[str, str], ...]
    days_ahead: tuple[int, ...]
    nights: tuple[int | None, ...] = (None,)
    currency: str = "EUR"

    def on(self, today: date) -> Iterator[Search]:
        """Those of a sweep on this day; a route's are together, so that its fares meet on few boards."""
        for origin, destination in self.routes:
            for days in self.days_ahead:
                departure = today + timedelta(days=days)
                for nights in self.nights:
                    returning = None if nights is None else departure + timedelta(days=nights)
                    yield Search(origin, destination, departure, returning)
