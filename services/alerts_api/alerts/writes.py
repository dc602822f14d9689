"""What every write of an alert has in common.

It is one against the version of the row that was read: if somebody else was faster, or the route's bucket has
moved, it begins anew.
"""

from typing import Any, Final

import stamina
from sqlalchemy import func, update
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from services.alerts_api.alerts.planning import Plan
from services.alerts_api.alerts.stored import COLUMNS, StoredAlert
from shared.alerts.moves import row_version
from shared.alerts.rules import CHECK_AFTER
from shared.errors import FarelarkError, MapMovedError
from shared.schema.shards import alerts
from shared.shards import RatesInUse, ShardTransaction

Facts = dict[str, Any]
Writing = ReturningInsert[Any] | ReturningUpdate[Any]


class ContendedError(FarelarkError):
    """Somebody else has written the alert meanwhile."""


# Some four seconds in all: longer than a bucket takes to change hands.
persistent: Final = stamina.retry(
    on=(ContendedError, MapMovedError), attempts=9, timeout=None, wait_initial=0.03, wait_max=1.0, wait_jitter=0.03
)


def armed(planned: Plan, rates: RatesInUse) -> Facts:
    """The columns of a wish that is to be watched for from now on.

    Raises:
        InvalidFieldError: there is no rate for its currency.
    """
    price = planned.armed_price(rates.rates)
    return planned.columns | {"armed_price": price, "initial_price": price, "rates_date": rates.rates.date}


def checked_later() -> Facts:
    """Have the alert worker's sweep evaluate it once more, by the clock of the database that it lies in."""
    return {"check_at": func.now() + CHECK_AFTER}


def rewrite(old: StoredAlert, changes: Facts) -> ReturningUpdate[Any]:
    """Write over the row as it was read."""
    unchanged = (alerts.c.id == old.id, row_version == old.row["version"])
    return update(alerts).where(*unchanged).values({"updated_at": func.now()} | changes).returning(*COLUMNS)


async def one(transaction: ShardTransaction, shard: int, statement: Writing) -> StoredAlert:
    """Write one row and give it.

    Raises:
        ContendedError: it is no longer as it was read.
    """
    if (written := await one_or_none(transaction, shard, statement)) is None:
        raise ContendedError("the alert was written by somebody else meanwhile")
    return written


async def one_or_none(transaction: ShardTransaction, shard: int, statement: Writing) -> StoredAlert | None:
    """Write one row and give it, or None if there was nothing to write."""
    row = (await transaction.connection.execute(statement)).mappings().one_or_none()
    return None if row is None else StoredAlert.of(shard, dict(row), transaction.rates)
