"""The prices of each day.

The history has a row for a day on which a price was new. On the days after it that have none the last price still
stood: so it counts there too, for at most two weeks, since no row says when a fare was taken off sale.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Date, FromClause, Integer, Row, Select, bindparam, case, func, select

from shared.alerts.filters import Filters
from shared.price_history.rows import PRICED, wanted
from shared.schema.shards import price_history
from shared.shards import ShardTransaction

# As long as a fare that no source confirms stays on its board, unless that is set otherwise.
CARRIED_DAYS: Final = 14

_ROW: Final = price_history.c
_FIRST: Final = bindparam("first", type_=Date)
_LAST: Final = bindparam("last", type_=Date)
# The planner expects a thousand times the days that there are, and would compile for a second what runs for a moment.
_NOT_COMPILED: Final = "SET LOCAL jit = off"


class Period(NamedTuple):
    """Days of observation (UTC), from the first to the last."""

    first: date
    last: date

    @classmethod
    def until(cls, last: date, days: int) -> "Period":
        """So many days, of which this is the last."""
        return cls(last - timedelta(days=days - 1), last)


class DayPrices(NamedTuple):
    """What all that is wanted cost on a day, in minor units of one currency.

    Attributes:
        low: the best price of the day.
        high: the worst.
        last: the best of the prices with which the day ended.
        changes: how many prices were new; with none all are those of earlier days.
    """

    day: date
    currency: str
    low: int
    high: int
    last: int
    changes: int


async def day_prices(transaction: ShardTransaction, filters: Filters, period: Period) -> list[DayPrices]:
    """What all that is wanted cost on each day on which a price is known, in the order of the days."""
    price = standing(wanted(filters)).c
    best, worst, ended = func.min(price.low), func.max(price.high), func.min(price.last)
    changes = func.sum(price.changes).cast(Integer)
    of_days = select(price.day, price.currency, best, worst, ended, changes).group_by(price.day, price.currency)
    rows = await rows_in(transaction, of_days.order_by(price.day, price.currency), period)
    return [DayPrices._make(row) for row in rows]


async def rows_in(
    transaction: ShardTransaction, statement: Select[Any], period: Period, parameters: Mapping[str, Any] | None = None
) -> Sequence[Row[Any]]:
    """The rows of a statement on the prices that stood on the days of a period."""
    await transaction.driver.execute(_NOT_COMPILED)
    return (await transaction.connection.execute(statement, {**period._asdict(), **(parameters or {})})).all()


def standing(conditions: Sequence[ColumnElement[bool]], *outer: FromClause) -> FromClause:
    """The prices on each day of a period, a row for all that a row of the history is the price of.

    Args:
        conditions: which rows of the history are wanted.
        outer: what else of the statement the conditions name.
    """
    row = _rows_with_the_next_day(conditions, *outer)
    since, latest = row.c.observed_on, func.least(row.c.next_on - 1, row.c.observed_on + CARRIED_DAYS, _LAST)
    ages = func.generate_series(func.greatest(_FIRST - since, 0), latest - since)
    day = select(row, ages.label("age")).correlate(*outer).lateral("days").c
    is_new = day.age == 0
    return (
        select(
            (day.observed_on + day.age).label("day"),
            day.currency,
            case((is_new, day.low), else_=day.last).label("low"),
            case((is_new, day.high), else_=day.last).label("high"),
            day.last,
            case((is_new, day.low_reference), else_=day.last_reference).label("low_reference"),
            case((is_new, day.changes), else_=0).label("changes"),
        )
        .correlate(*outer)
        .lateral("standing")
    )


def _rows_with_the_next_day(conditions: Sequence[ColumnElement[bool]], *outer: FromClause) -> FromClause:
    next_on = func.lead(_ROW.observed_on).over(partition_by=PRICED, order_by=_ROW.observed_on).label("next_on")
    in_reach = _ROW.observed_on.between(_FIRST - CARRIED_DAYS, _LAST)
    return select(price_history, next_on).where(*conditions, in_reach).correlate(*outer).lateral("rows_of_history")
