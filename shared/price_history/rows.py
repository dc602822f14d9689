"""The rows of the history that somebody wants, and what they say as they are."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, extract, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from shared.alerts.filters import Filters
from shared.schema.shards import ONE_WAY, price_history

_ROW: Final = price_history.c
# What a row is the price of, on its day; in the order of the primary key.
PRICED: Final = (_ROW.route, _ROW.departure_date, _ROW.return_date, _ROW.cabin, _ROW.currency)


def last_prices(filters: Filters) -> Select[Any]:
    """The newest row of all that is wanted, for each pair of dates, cabin and currency, in this order."""
    newest_first = select(price_history).where(*wanted(filters)).order_by(*PRICED, _ROW.observed_on.desc())
    return newest_first.ext(distinct_on(*PRICED))


def lowest_price(filters: Filters) -> Select[int | None]:
    """The lowest price ever of what is wanted, in the reference currency of then."""
    return select(func.min(_ROW.low_reference)).where(*wanted(filters))


def wanted(filters: Filters) -> list[ColumnElement[bool]]:
    """What holds for the rows that are wanted."""
    return [
        _ROW.route == filters.route,
        _ROW.departure_date.between(filters.departure_from, filters.departure_to),
        *_returning(filters),
        *([] if filters.weekdays is None else [_on_one_of(filters.weekdays)]),
        *([] if filters.cabin is None else [_ROW.cabin == filters.cabin]),
    ]


def _returning(filters: Filters) -> list[ColumnElement[bool]]:
    if not filters.round_trip:
        return [_ROW.return_date == ONE_WAY]
    earliest = [_ROW.departure_date + (filters.nights_min or 0), filters.return_from]
    latest = [None if filters.nights_max is None else _ROW.departure_date + filters.nights_max, filters.return_to]
    return [
        *(_ROW.return_date >= day for day in earliest if day is not None),
        *(_ROW.return_date <= day for day in latest if day is not None),
    ]


def _on_one_of(weekdays: int) -> ColumnElement[bool]:
    """Whether the departure is on one of these days, as bits from Monday on."""
    return extract("isodow", _ROW.departure_date).in_([bit + 1 for bit in range(7) if weekdays >> bit & 1])
