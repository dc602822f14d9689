"""The price history of one shard, within a transaction."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import numpy as np

from services.history_worker.aggregation import DailyPrices
from shared.array_literals import codes, numbers

# In the order of the names, so that two transactions never wait for each other.
_COUNT: Final = """
INSERT INTO counted_messages (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id
"""

_MONTHS: Final = """
SELECT right(relname, 6) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'price_history'::regclass AND relname ~ '^price_history_[0-9]{6}$'
"""

# Merged so that neither the order in which changes come nor a repeat matters. As `DailyPrices` has it: of equal lows
# the one with the lower reference amount, of prices observed at once the lower.
_MERGE: Final = """
INSERT INTO price_history AS kept (
    route, departure_date, return_date, cabin, currency, observed_on,
    low, high, last, low_reference, last_reference, last_observed_at, changes
)
SELECT route, date '1970-01-01' + departure, date '1970-01-01' + back, cabin, currency,
    date '1970-01-01' + observed_on, low, high, last, low_reference, last_reference,
    timestamptz '1970-01-01 00:00Z' + last_observed_at * interval '1 ms', changes
FROM unnest(
    $1::text::text[], $2::text::int[], $3::text::int[], $4::text::smallint[], $5::text::text[], $6::text::int[],
    $7::text::bigint[], $8::text::bigint[], $9::text::bigint[], $10::text::bigint[], $11::text::bigint[],
    $12::text::bigint[], $13::text::int[]
) AS new (
    route, departure, back, cabin, currency, observed_on,
    low, high, last, low_reference, last_reference, last_observed_at, changes
)
ON CONFLICT (route, departure_date, return_date, cabin, currency, observed_on) DO UPDATE SET
    low = least(kept.low, excluded.low),
    low_reference = CASE
        WHEN (excluded.low, excluded.low_reference) < (kept.low, kept.low_reference) THEN excluded.low_reference
        ELSE kept.low_reference
    END,
    high = greatest(kept.high, excluded.high),
    last = CASE
        WHEN (excluded.last_observed_at, kept.last) > (kept.last_observed_at, excluded.last) THEN excluded.last
        ELSE kept.last
    END,
    last_reference = CASE
        WHEN (excluded.last_observed_at, kept.last, kept.last_reference)
            > (kept.last_observed_at, excluded.last, excluded.last_reference) THEN excluded.last_reference
        ELSE kept.last_reference
    END,
    last_observed_at = greatest(kept.last_observed_at, excluded.last_observed_at),
    changes = kept.changes + excluded.changes
"""

_FORGET: Final = """
DELETE FROM counted_messages WHERE id IN (
    SELECT id FROM counted_messages WHERE counted_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""


async def count(connection: asyncpg.Connection, names: Sequence[UUID]) -> set[UUID]:
    """Note that what goes by these names is counted; returns those that were not noted before."""
    return {row["id"] for row in await connection.fetch(_COUNT, sorted(names))}


async def months(connection: asyncpg.Connection) -> set[str]:
    """The months of departure that the history has room for, as `202612`."""
    return {row[0] for row in await connection.fetch(_MONTHS)}


async def merge(connection: asyncpg.Connection, prices: DailyPrices) -> None:
    """Work rows into the history."""
    columns = (getattr(prices, field.name) for field in fields(DailyPrices))
    await connection.execute(
        _MERGE, *(numbers(column) if isinstance(column, np.ndarray) else codes(column) for column in columns)
    )


async def forget(connection: asyncpg.Connection, before: datetime, most: int) -> int:
    """Forget some of what was counted before an instant; returns how much, up to `most`."""
    status = await connection.execute(_FORGET, before, most)
    return int(status.removeprefix("DELETE "))
