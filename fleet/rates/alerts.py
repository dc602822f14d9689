"""The alerts of one shard whose reference amounts are at other rates than those to be, found and converted.

Alerts in the reference currency need no conversion and are left as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final
from uuid import UUID

import asyncpg

from shared.money import Factor, Rates
from shared.rates.reconversion import ArmedPrices, reconverted

_BATCH: Final = 5_000

# An alert without a date is from before shards knew of rates: it is at the first ones ($3).
_PENDING: Final = """
SELECT currency, coalesce(rates_date, $3) AS day, count(*) FROM alerts
WHERE currency <> $1 AND rates_date IS DISTINCT FROM $2
GROUP BY 1, 2
"""

# Statistics that are behind must not make every batch sort all alerts: walk them by id.
_WALK: Final = "SET LOCAL enable_sort = off"

# In id order, as everybody locks alerts.
_LOCK: Final = """
SELECT id, currency, coalesce(rates_date, $2) AS day, target, initial_price, armed_price FROM alerts
WHERE id > $1 AND (currency, coalesce(rates_date, $2)) IN (SELECT * FROM unnest($3::text[], $4::date[]))
ORDER BY id LIMIT $5 FOR UPDATE
"""

_WRITE: Final = """
UPDATE alerts SET initial_price = new.initial_price, armed_price = new.armed_price, rates_date = $4
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS new (id, initial_price, armed_price)
WHERE alerts.id = new.id
"""

Group = tuple[str, date]  # alerts of one currency, at the rates of one day


@dataclass(frozen=True, slots=True)
class Reconversion:
    """From any of the known snapshots to one of them."""

    rates: Rates
    known: Mapping[date, Rates]

    async def pending(self, connection: asyncpg.Connection) -> dict[Group, int]:
        """How many alerts are at other rates."""
        rows = await connection.fetch(_PENDING, self.rates.reference, self.rates.date, self._first_day)
        return {(currency, day): count for currency, day, count in rows}

    async def rising(self, connection: asyncpg.Connection) -> list[Group]:
        """Those whose prices the new rates lift."""
        return [(currency, day) for currency, day in await self.pending(connection) if self._lifts(currency, day)]

    async def convert_some(self, connection: asyncpg.Connection, groups: list[Group], after: UUID) -> list[UUID]:
        """Convert the next alerts of these groups in order of id; returns their ids, none if there are no more.

        Args:
            connection: in a transaction, which locks the alerts until its end.
            groups: which ones.
            after: the id of the last one that was converted.
        """
        currencies, days = [currency for currency, _ in groups], [day for _, day in groups]
        await connection.execute(_WALK)
        rows = await connection.fetch(_LOCK, after, self._first_day, currencies, days, _BATCH)
        ids = [row["id"] for row in rows]
        prices = [self._converted(row) for row in rows]
        initial, armed = [each.initial for each in prices], [each.armed for each in prices]
        await connection.execute(_WRITE, ids, initial, armed, self.rates.date)
        return ids

    def _converted(self, row: asyncpg.Record) -> ArmedPrices:
        before, after = self._factors(row["currency"], row["day"])
        return reconverted(ArmedPrices(row["initial_price"], row["armed_price"]), row["target"], before, after)

    def _lifts(self, currency: str, day: date) -> bool:
        before, after = self._factors(currency, day)
        return Fraction(*after) > Fraction(*before)

    def _factors(self, currency: str, day: date) -> tuple[Factor, Factor]:
        return self.known[day].factors[currency], self.rates.factors[currency]

    @property
    def _first_day(self) -> date:
        return min(self.known)
