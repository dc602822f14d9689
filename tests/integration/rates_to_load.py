"""Newer rates for real shards: the alerts that they convert, how these must look then, and loads that are cut short."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.rates import alerts as batches
from shared.alerts.rules import UNSET
from shared.money import Rates
from shared.schema.shards import alerts, shard_state
from tests.development_rates import RATES

DAY = date(2026, 12, 24)
TOLD = datetime(2026, 11, 20, 12, tzinfo=UTC)
# Dollars rise, yen fall, kroner stay.
NEXT = replace(
    RATES,
    date=RATES.date + timedelta(days=3),
    factors={**RATES.factors, "USD": (9, 10), "JPY": (1, 2), "GBP": (7, 6)},
)
LATER = replace(NEXT, date=NEXT.date + timedelta(days=1), factors={**NEXT.factors, "USD": (8, 10)})
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few enough that a load takes several."""
    monkeypatch.setattr(batches, "_BATCH", 2)


def wish(currency: str, **more: object) -> Row:
    """An alert that waits for 100.00, or what looks like it, in its own currency."""
    armed = RATES.to_reference(10_000, currency)
    usual = {
        "id": uuid4(),
        "user_id": uuid4(),
        "route": "NYC-LON",
        "departure_from": DAY,
        "departure_to": DAY,
        "rule": "target",
        "target": 10_000,
        "currency": currency,
        "armed_price": armed,
        "initial_price": armed,
        "rates_date": RATES.date,
        "check_at": TOLD,
        "updated_at": TOLD,
    }
    return usual | more


def wishes() -> list[Row]:
    """Of every rule, currency and state; more of them than a batch holds."""
    return [
        *(wish(currency) for currency in ("USD", "JPY", "GBP", "DKK", "EUR", "USD", "JPY")),
        wish("USD", armed_price=4_321, fire_seq=1, last_fired_at=TOLD),
        wish("JPY", armed_price=4_321, state="paused"),
        wish("GBP", rule="drop", target=None, percent=10, armed_price=1_111, initial_price=2_222, state="fired"),
        wish("JPY", rule="new_low", target=None, armed_price=UNSET, initial_price=UNSET),
        wish("USD", rule="drop", target=None, percent=10, armed_price=3_333, initial_price=3_333, state="expired"),
        wish("USD", rates_date=None),
        wish("EUR", rates_date=None),
    ]


async def add(engines: Sequence[AsyncEngine], rows: Sequence[Row]) -> None:
    """Deal the alerts out to the shards."""
    for number, row in enumerate(rows):
        async with engines[number % len(engines)].begin() as connection:
            await connection.execute(insert(alerts).values(row))


async def stored(engines: Sequence[AsyncEngine]) -> dict[UUID, Row]:
    """Every alert."""
    found = {}
    for engine in engines:
        async with engine.connect() as connection:
            rows = await connection.execute(select(alerts))
            found.update({row["id"]: dict(row) for row in rows.mappings()})
    return found


async def states(engines: Sequence[AsyncEngine]) -> list[tuple[date, float]]:
    """Date in use and reach of each shard."""
    found = []
    for engine in engines:
        async with engine.connect() as connection:
            row = (await connection.execute(select(shard_state.c.rates_date, shard_state.c.reach))).one()
            found.append((row.rates_date, row.reach))
    return found


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def expected(row: Row, to: Rates = NEXT) -> Row:
    """The alert as it must be at the new rates."""
    if row["currency"] == "EUR":
        return row
    before, after = (Fraction(*snapshot.factors[row["currency"]]) for snapshot in (RATES, to))

    def moved(price: int) -> int:
        return price if price == UNSET else half_up(price * after / before)

    initial = half_up(row["target"] * after) if row["target"] else moved(row["initial_price"])
    armed = initial if row["armed_price"] == row["initial_price"] else moved(row["armed_price"])
    return row | {"initial_price": initial, "armed_price": armed, "rates_date": to.date}


def silent(_: int, __: int) -> None:
    """Show no progress."""


class CutShortError(Exception):
    """The load ends here."""


def cut_short(at: int) -> Callable[[int, int], None]:
    """Progress that ends the load at its so many-th step."""
    steps = iter(range(at, -1, -1))

    def advanced(_: int, __: int) -> None:
        if not next(steps):
            raise CutShortError

    return advanced
