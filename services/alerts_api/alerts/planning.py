"""Which wishes make a sensible alert, and what the fleet then watches. Pure."""

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, get_args

from services.alerts_api.alerts.resources import AlertRequest, Drop, RoundTrip, Target, Weekday
from services.alerts_api.http.fields import InvalidFieldError
from shared.airports import cities, city_of, is_airport, is_city
from shared.alerts.filters import Filters
from shared.alerts.rules import UNSET
from shared.messages.codes import CABINS
from shared.money import Rates, UnknownCurrencyError

MAX_WINDOW = timedelta(days=366)
MAX_AHEAD = timedelta(days=731)
MAX_AFTER = timedelta(days=365)
# What one evaluation of an alert may have to read.
MAX_DATES = 5_000
MAX_BOARDS = 50_000
# West of everyone a date ends twelve hours after it has ended in UTC.
_LAST_ZONE = timedelta(hours=12)

WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the fleet watches for a wish, in the words of its row; `target` is in `currency`."""

    filters: Filters
    rule: str
    target: int | None
    currency: str
    percent: int | None
    improvement: int
    rearm: str

    @property
    def columns(self) -> dict[str, Any]:
        """All of it by column."""
        columns = asdict(self)
        return columns.pop("filters") | columns

    def armed_price(self, rates: Rates) -> int:
        """The armed price to begin with, at these rates.

        Raises:
            InvalidFieldError: there is no rate for the currency.
        """
        try:
            amount = rates.to_reference(self.target or 0, self.currency)
        except UnknownCurrencyError:
            field = "rule.currency" if self.target is None else "rule.price.currency"
            raise InvalidFieldError(field, f"we have no rate for {self.currency}") from None
        return UNSET if self.target is None else amount


def plan(request: AlertRequest, now: datetime) -> Plan:
    """Work out what to watch.

    Args:
        request: the wish.
        now: in UTC.

    Raises:
        InvalidFieldError: the wish makes no sense.
    """
    _check_departure(request.departure_from, request.departure_to, now)
    _check_returns(request)
    filters = _filters(request)
    _check_extent(filters, last_ended(now) + timedelta(days=1))
    rule = request.rule
    return Plan(
        filters=filters,
        rule=str(rule.__struct_config__.tag),
        target=rule.price.amount if isinstance(rule, Target) else None,
        currency=rule.price.currency if isinstance(rule, Target) else rule.currency,
        percent=rule.percent if isinstance(rule, Drop) else None,
        improvement=request.improvement_percent,
        rearm=request.rearm,
    )


def last_ended(now: datetime) -> date:
    """The last day that is over everywhere."""
    return (now - _LAST_ZONE).date() - timedelta(days=1)


def _check_departure(first: date, last: date, now: datetime) -> None:
    if last < first:
        raise InvalidFieldError("departure_to", "is before departure_from")
    if last <= last_ended(now):
        raise InvalidFieldError("departure_to", "is in the past")
    if last - first > MAX_WINDOW:
        raise InvalidFieldError("departure_to", f"is more than {MAX_WINDOW.days} days after departure_from")
    if last - now.date() > MAX_AHEAD:
        raise InvalidFieldError("departure_to", f"is more than {MAX_AHEAD.days} days ahead")


def _check_returns(request: AlertRequest) -> None:
    trip = request.round_trip
    if trip is None:
        return
    if trip.return_to is None and trip.nights_max is None:
        raise InvalidFieldError("round_trip", "needs return_to or nights_max")
    if trip.nights_max is not None and trip.nights_max < (trip.nights_min or 0):
        raise InvalidFieldError("round_trip.nights_max", "is less than nights_min")
    if trip.return_to:
        _check_last_return(trip.return_to, trip, request)


def _check_last_return(last: date, trip: RoundTrip, request: AlertRequest) -> None:
    if trip.return_from and last < trip.return_from:
        raise InvalidFieldError("round_trip.return_to", "is before return_from")
    if last < request.departure_from:
        raise InvalidFieldError("round_trip.return_to", "is before departure_from")
    if last - request.departure_to > MAX_AFTER:
        raise InvalidFieldError("round_trip.return_to", f"is more than {MAX_AFTER.days} days after departure_to")


def _filters(request: AlertRequest) -> Filters:
    origin, origin_airports = place("origin", request.origin)
    destination, destination_airports = place("destination", request.destination)
    if origin == destination:
        raise InvalidFieldError("destination", f"is in the same city as the origin, {origin}")
    if request.carriers and request.excluded_carriers:
        raise InvalidFieldError("excluded_carriers", "cannot be given together with carriers")
    trip = request.round_trip or RoundTrip()
    return Filters(
        route=f"{origin}-{destination}",
        origin_airports=origin_airports,
        destination_airports=destination_airports,
        departure_from=request.departure_from,
        departure_to=request.departure_to,
        round_trip=request.round_trip is not None,
        return_from=trip.return_from,
        return_to=trip.return_to,
        nights_min=trip.nights_min,
        nights_max=trip.nights_max,
        weekdays=sum(1 << WEEKDAYS.index(day) for day in set(request.weekdays)) if request.weekdays else None,
        cabin=CABINS.index(request.cabin) if request.cabin else None,
        max_stops=request.max_stops,
        carriers=_set(request.carriers),
        excluded_carriers=_set(request.excluded_carriers),
    )


def _set(codes: list[str] | None) -> list[str] | None:
    return sorted(set(codes)) if codes else None


def place(field: str, codes: str | list[str]) -> tuple[str, list[str] | None]:
    """The city of these codes, and the airports that it is narrowed to; None if to none.

    Raises:
        InvalidFieldError: there is no such city or airport, or they are of several cities.
    """
    if isinstance(codes, str):
        if is_city(codes):
            return codes, None
        codes = [codes]
    for code in codes:
        if not is_airport(code):
            raise InvalidFieldError(field, f"{code} is no metropolitan area or airport that we know")
    city, *others = {city_of(code) for code in codes}
    if others:
        raise InvalidFieldError(field, "its airports are not all of one city")
    return city, None if cities()[city] == {codes[0]} else sorted(set(codes))


def _check_extent(filters: Filters, first: date) -> None:
    """Refuse what no fare can meet, and what would take too long to look up; `first` is not over everywhere."""
    field = "round_trip" if filters.round_trip else "weekdays"
    dates = filters.count_dates(first)
    boards = dates * len(filters.origins) * len(filters.destinations)
    if not dates:
        raise InvalidFieldError(field, "leaves no date of the departure window")
    if dates > MAX_DATES:
        raise InvalidFieldError(field, f"allows {dates} pairs of dates, at most {MAX_DATES} are watched: narrow it")
    if boards > MAX_BOARDS:
        limit = f"at most {MAX_BOARDS} are watched: narrow it, or the airports"
        raise InvalidFieldError(field, f"allows {boards} pairs of dates between pairs of airports, {limit}")
