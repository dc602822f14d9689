"""What trips typically cost, in minor units of the reference currency at the rates of then."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import ARRAY, ColumnElement, FromClause, Row, Select, bindparam, column, func, select, true
from sqlalchemy.dialects.postgresql import array

from shared.alerts.filters import Filters
from shared.price_history.days import Period, rows_in, standing
from shared.price_history.percentiles import PERCENTS, TypicalPrice
from shared.price_history.rows import wanted
from shared.schema.shards import price_history
from shared.shards import ShardTransaction

_ROW: Final = price_history.c
_SHARES: Final = array([percent / 100 for percent in PERCENTS])


class Trip(NamedTuple):
    """Something priced, whatever the currency; `return_date` is `ONE_WAY` where there is none."""

    route: str
    departure_date: date
    return_date: date
    cabin: int


_TYPES: Final = {name: _ROW[name].type for name in Trip._fields}


async def typical_price(transaction: ShardTransaction, filters: Filters, period: Period) -> TypicalPrice | None:
    """What the best of all that is wanted cost on the days of a period; None if that is known of no day."""
    (row,) = await rows_in(transaction, _typical(wanted(filters)), period)
    return _read(row)


async def typical_prices(
    transaction: ShardTransaction, trips: Sequence[Trip], period: Period
) -> dict[Trip, TypicalPrice]:
    """What each of these trips, at least one, cost on the days of a period, where that is known of any day."""
    columns = dict(zip(Trip._fields, map(list, zip(*trips, strict=True)), strict=True))
    rows = await rows_in(transaction, _OF_TRIPS, period, columns)
    return {trips[row.number - 1]: typical for row in rows if (typical := _read(row))}


def _read(row: Row[Any]) -> TypicalPrice | None:
    if not row.days:
        return None
    low, typical, high = row.percentiles
    return TypicalPrice(row.lowest, low, typical, high, row.days)


def _typical(conditions: Sequence[ColumnElement[bool]], *outer: FromClause) -> Select[Any]:
    price = standing(conditions, *outer).c
    best = select(func.min(price.low_reference).label("price")).group_by(price.day).correlate(*outer).lateral("best")
    percentiles = func.percentile_disc(_SHARES).within_group(best.c.price)
    lowest, days = func.min(best.c.price), func.count(best.c.price)
    return select(lowest.label("lowest"), percentiles.label("percentiles"), days.label("days")).correlate(*outer)


def _typical_of_trips() -> Select[Any]:
    """Look first, and at no cost to speak of, which of the trips have a history at all."""
    asked = (
        func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in _TYPES.items()))
        .table_valued(*(column(name, kind) for name, kind in _TYPES.items()), with_ordinality="number")
        .render_derived("asked")
    )
    any_row = select(_ROW.cabin).where(*_is_of(asked)).correlate(asked).limit(1).lateral("any_row")
    known = select(asked).join(any_row, true()).cte("known").prefix_with("MATERIALIZED")
    typical = _typical(_is_of(known), known).lateral("typical")
    return select(known.c.number, typical).join(typical, true())


def _is_of(trip: FromClause) -> list[ColumnElement[bool]]:
    return [_ROW[name] == trip.c[name] for name in Trip._fields]


_OF_TRIPS: Final = _typical_of_trips()
