"""Which searches for fares make sense, and which fares they are about. Pure."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from services.alerts_api.alerts.planning import MAX_AFTER, MAX_AHEAD, place
from services.alerts_api.fares.resources import Narrowing
from services.alerts_api.http.fields import InvalidFieldError
from shared.alerts.filters import Filters, first_departure
from shared.messages.codes import CABINS
from shared.messages.notifications import Cabin

# With the airports of the two largest cities these are 744 boards: few enough for one MGET.
MAX_DAYS: Final = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is asked for, in the words of the request."""

    origin: str
    destination: str
    day: date | None = None
    first_day: date | None = None
    last_day: date | None = None
    return_date: date | None = None
    nights: int | None = None
    cabin: Cabin | None = None
    max_stops: int | None = None
    carrier: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, from the first day of departure that is still ahead, and the currency to show it in.

    Without a currency it is the reference currency.
    """

    filters: Filters
    currency: str | None

    @property
    def loosened(self) -> Filters:
        """The same without carrier and stops: what says whether the boards know enough of these dates."""
        return replace(self.filters, max_stops=None, carriers=None)

    @property
    def not_in_history(self) -> list[Narrowing]:
        """What of it the history cannot tell apart."""
        narrowed: dict[Narrowing, object] = {
            "origin": self.filters.origin_airports,
            "destination": self.filters.destination_airports,
            "max_stops": self.filters.max_stops,
            "carrier": self.filters.carriers,
        }
        return [name for name, value in narrowed.items() if value is not None]


def plan_search(query: Query, now: datetime) -> Search:
    """Work out what to look for.

    Args:
        query: what is asked for.
        now: in UTC.

    Raises:
        InvalidFieldError: it makes no sense.
    """
    first, last = _departures(query, first_departure(now))
    _check_return(query, first, last)
    origin, origin_airports = place("origin", query.origin)
    destination, destination_airports = place("destination", query.destination)
    if origin == destination:
        raise InvalidFieldError("destination", f"is in the same city as the origin, {origin}")
    filters = Filters(
        route=f"{origin}-{destination}",
        origin_airports=origin_airports,
        destination_airports=destination_airports,
        departure_from=first,
        departure_to=last,
        round_trip=query.return_date is not None or query.nights is not None,
        return_from=query.return_date,
        return_to=query.return_date,
        nights_min=query.nights,
        nights_max=query.nights,
        cabin=CABINS.index(query.cabin) if query.cabin else None,
        max_stops=query.max_stops,
        carriers=[query.carrier] if query.carrier else None,
    )
    return Search(filters, query.currency)


def _departures(query: Query, ahead: date) -> tuple[date, date]:
    """The first and the last day of departure; `ahead` is the first that is not over everywhere."""
    first, last, field = _window(query)
    if last < first:
        raise InvalidFieldError("to", "is before from")
    if (last - first).days >= MAX_DAYS:
        raise InvalidFieldError("to", f"makes a window of more than {MAX_DAYS} days: ask for less at a time")
    if last < ahead:
        raise InvalidFieldError(field, "is in the past")
    if last - ahead > MAX_AHEAD:
        raise InvalidFieldError(field, f"is more than {MAX_AHEAD.days} days ahead")
    return max(first, ahead), last


def _window(query: Query) -> tuple[date, date, str]:
    """The window, and the parameter that ends it."""
    if query.day is not None:
        if query.first_day is not None or query.last_day is not None:
            raise InvalidFieldError("date", "cannot be given together with from and to")
        return query.day, query.day, "date"
    if query.first_day is None or query.last_day is None:
        raise InvalidFieldError("date", "is missing: give it, or both from and to")
    return query.first_day, query.last_day, "to"


def _check_return(query: Query, first: date, last: date) -> None:
    if query.return_date is None:
        return
    if query.nights is not None:
        raise InvalidFieldError("nights", "cannot be given together with return_date")
    if query.return_date < first:
        raise InvalidFieldError("return_date", "is before the departure")
    if query.return_date - last > MAX_AFTER:
        raise InvalidFieldError("return_date", f"is more than {MAX_AFTER.days} days after the departure")
