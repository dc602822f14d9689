"""The alerts of one shard, within a transaction: found, locked, judged elsewhere, and written."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

import asyncpg
import numpy as np

from services.alert_worker.falls import Falls, filtered
from services.alert_worker.transitions import FareKeys, LockedAlert, Transition
from shared.alerts.filters import Filters
from shared.alerts.rules import CHECK_AFTER, Rule
from shared.array_literals import codes, numbers
from shared.changes_by_shard import Part
from shared.money import Rates
from shared.rates.reconversion import ArmedPrices, reconverted
from shared.shards import ShardTransaction

# Finds, from the index alone, the alerts whose armed price lies in the band that a fare crossed. OFFSET 0 keeps
# the planner to one index scan a change, whatever it thinks of arrays.
MATCH: Final = """
SELECT alert.id, change.position - 1
FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::int[], $5::text::int[]) WITH ORDINALITY
     AS board (route, origin, destination, departure_day, return_day, number)
JOIN unnest(
    $6::text::int[], $7::text::int[], $8::text::int[], $9::text::text[], $10::text::bigint[], $11::text::bigint[]
) WITH ORDINALITY AS change (board, cabin, stops, carrier, price, ceiling, position)
  ON change.board = board.number - 1
CROSS JOIN LATERAL (
    SELECT id FROM alerts
    WHERE route = board.route
      AND round_trip = (board.return_day > 0)
      AND armed_price BETWEEN change.price AND change.ceiling
      AND state = 'active'
      AND date '1970-01-01' + board.departure_day BETWEEN departure_from AND departure_to
      AND (origin_airports IS NULL OR board.origin = ANY (origin_airports))
      AND (destination_airports IS NULL OR board.destination = ANY (destination_airports))
      AND (weekdays IS NULL OR weekdays >> (board.departure_day + 3) % 7 & 1 = 1)
      AND (cabin IS NULL OR cabin = change.cabin)
      AND (max_stops IS NULL OR change.stops <= max_stops)
      AND (carriers IS NULL OR change.carrier = ANY (carriers))
      AND (excluded_carriers IS NULL OR change.carrier <> ALL (excluded_carriers))
      AND (return_from IS NULL OR date '1970-01-01' + board.return_day >= return_from)
      AND (return_to IS NULL OR date '1970-01-01' + board.return_day <= return_to)
      AND (nights_min IS NULL OR board.return_day - board.departure_day >= nights_min)
      AND (nights_max IS NULL OR board.return_day - board.departure_day <= nights_max)
    OFFSET 0
) AS alert
"""

# In id order, so that two batches never deadlock. Whoever waits for a lock sees the row as it then is.
_LOCK: Final = "SELECT * FROM alerts WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE"

_LOCK_DUE: Final = """
SELECT * FROM alerts WHERE check_at <= $1 ORDER BY check_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""

_LOCK_OVER: Final = """
SELECT * FROM alerts WHERE state IN ('active', 'paused') AND departure_to < $1
LIMIT $2 FOR UPDATE SKIP LOCKED
"""

_WATCHING: Final = """
SELECT id, watched_board, watched_fare FROM alerts
WHERE state = 'active' AND watched_board = ANY ($1::bigint[])
"""

_WRITE: Final = """
UPDATE alerts
SET initial_price = new.initial_price, armed_price = new.armed_price, rates_date = $13,
    state = new.state, fire_seq = new.fire_seq,
    watched_board = new.watched_board, watched_fare = new.watched_fare, watched_at = new.watched_at,
    check_at = coalesce(new.check_at, alerts.check_at),
    last_price = coalesce(new.price, last_price), last_fare = coalesce(new.fare, last_fare),
    last_fired_at = CASE WHEN new.price IS NULL THEN last_fired_at ELSE $12 END, updated_at = $12
FROM unnest(
    $1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::int[], $6::bigint[], $7::bigint[], $8::timestamptz[],
    $9::bigint[], $10::text[], $11::bigint[]
) AS new (
    id, initial_price, armed_price, state, fire_seq, watched_board, watched_fare, check_at, price, fare, watched_at
)
WHERE alerts.id = new.id
"""

_EXPIRE: Final = """
UPDATE alerts SET state = 'expired', watched_board = NULL, watched_fare = NULL, check_at = NULL, updated_at = $2
WHERE id = ANY ($1::uuid[])
"""

_CHECKED: Final = """
UPDATE alerts SET check_at = CASE WHEN state = 'active' AND watched_board IS NOT NULL THEN $2::timestamptz END
WHERE id = ANY ($1::uuid[])
"""


async def match(connection: asyncpg.Connection, part: Part, falls: Falls) -> list[tuple[UUID, int]]:
    """The alerts that these falls, at least one, reach, each with which of the falls it was."""
    cabin, stops, carriers = filtered(part, falls.position)
    routes, origins, destinations = zip(*part.places, strict=True)
    rows = await connection.fetch(
        MATCH,
        *map(codes, (routes, origins, destinations)),
        *map(numbers, (part.departure, part.returning, part.board[falls.position], cabin, stops)),
        codes(carriers),
        *map(numbers, (falls.price, falls.ceiling)),
    )
    return [(row[0], row[1]) for row in rows]


async def lock(transaction: ShardTransaction, ids: Sequence[UUID]) -> list[LockedAlert]:
    """These alerts as they are now, locked until the transaction ends; those that are gone are left out."""
    return await _alerts(transaction, await transaction.driver.fetch(_LOCK, ids)) if ids else []


async def lock_due(transaction: ShardTransaction, now: datetime, most: int) -> list[LockedAlert]:
    """Some alerts that are to be evaluated once more by now, locked; those that others hold are left to them."""
    return await _alerts(transaction, await transaction.driver.fetch(_LOCK_DUE, now, most))


async def lock_over(transaction: ShardTransaction, first: date, most: int) -> list[LockedAlert]:
    """Some alerts whose last day of departure is before this one, locked."""
    return await _alerts(transaction, await transaction.driver.fetch(_LOCK_OVER, first, most))


async def watching(connection: asyncpg.Connection, part: Part) -> list[tuple[UUID, FareKeys]]:
    """The alerts that watch a fare on these boards, and which one."""
    rows = await connection.fetch(_WATCHING, part.boards.astype(np.int64).tolist())
    return [(row[0], (_unsigned(row[1]), _unsigned(row[2]))) for row in rows]


async def write(transaction: ShardTransaction, transitions: Sequence[Transition], now: datetime) -> None:
    """Write what has become of alerts, at the rates in use."""
    rows = [_row(transition, now) for transition in transitions]
    if rows:
        await transaction.driver.execute(_WRITE, *zip(*rows, strict=True), now, transaction.rates.rates.date)


async def expire(connection: asyncpg.Connection, alerts: Sequence[LockedAlert], now: datetime) -> None:
    """End these alerts."""
    await connection.execute(_EXPIRE, [alert.id for alert in alerts], now)


async def checked(connection: asyncpg.Connection, alerts: Sequence[LockedAlert], next_time: datetime) -> None:
    """These alerts have been evaluated once more; those that watch a fare are at this time again."""
    if alerts:
        await connection.execute(_CHECKED, [alert.id for alert in alerts], next_time)


async def _alerts(transaction: ShardTransaction, rows: Sequence[asyncpg.Record]) -> list[LockedAlert]:
    """The alerts of locked rows, at the rates in use: a load of rates changes a shard at once, its alerts in turn."""
    used = transaction.rates.rates
    days = {row["rates_date"] for row in rows if row["currency"] != used.reference} - {None, used.date}
    earlier = {day: (await transaction.rates_at(day)).rates for day in days}
    return [_alert(row, earlier.get(row["rates_date"], used), used) for row in rows]


def _alert(row: asyncpg.Record, own: Rates, used: Rates) -> LockedAlert:
    watched = row["watched_board"] is not None
    prices = ArmedPrices(row["initial_price"], row["armed_price"])
    if own is not used:
        currency = row["currency"]
        prices = reconverted(prices, row["target"], own.factors[currency], used.factors[currency])
    return LockedAlert(
        id=row["id"],
        user_id=row["user_id"],
        filters=Filters.of(row),
        rule=Rule(row["rule"], row["percent"], row["improvement"], row["rearm"]),
        state=row["state"],
        revision=row["revision"],
        fire_seq=row["fire_seq"],
        initial_price=prices.initial,
        armed_price=prices.armed,
        watched=(_unsigned(row["watched_board"]), _unsigned(row["watched_fare"])) if watched else None,
        watched_at=row["watched_at"] or 0,
        unproven=row["check_at"] is not None and row["check_at"] <= row["updated_at"] + CHECK_AFTER,
        last_fare=row["last_fare"],
        last_price=row["last_price"],
    )


def _row(transition: Transition, now: datetime) -> tuple[object, ...]:
    firing = transition.firing
    board, fare = transition.watched or (None, None)
    return (
        transition.alert.id,
        transition.initial_price,
        transition.armed_price,
        transition.state,
        transition.fire_seq,
        _signed(board),
        _signed(fare),
        now + CHECK_AFTER if transition.check else None,
        firing.price if firing else None,
        firing.name if firing else None,
        transition.watched_at if transition.watched else None,
    )


def _signed(key: int | None) -> int | None:
    """A packed key as a bigint, which PostgreSQL has with a sign only."""
    return key if key is None or key < 2**63 else key - 2**64


def _unsigned(number: int) -> int:
    return number % 2**64
