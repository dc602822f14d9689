"""The match's SQL finds the pairs that the filters in Python accept, from its index alone."""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alert_worker import store
from services.alert_worker.falls import falls_of
from shared.airports import cities
from shared.alerts.filters import Filters
from shared.alerts.rules import UNSET
from shared.changes_by_shard import Part, parts_by_shard
from shared.conversion import ReferenceAmounts
from shared.messages.batches import ARROW, decode
from shared.messages.changes import CHANGES, check_amounts
from shared.messages.codes import CABINS
from shared.messages.columns import validate
from shared.messages.fare_key import unpack_board, unpack_fare
from shared.shards import Shards
from tests.development_rates import RATES
from tests.integration.alert_rows import DAY, ROUTE, SHARD_MAP, Document, alert_row, batch, change, store_alerts

HOME = SHARD_MAP.shard_of(ROUTE)
ORIGINS, DESTINATIONS = (sorted(cities()[city]) for city in ROUTE.split("-"))
T = TypeVar("T")

NO_RETURN: Document = {"return_from": None, "return_to": None, "nights_min": None, "nights_max": None}
ANY_CARRIER: Document = {"carriers": None, "excluded_carriers": None}
AIRLINES = ["BA", "U2", "EZY", "VS"]


class World:
    """Draws alerts and changes from ranges so narrow that they meet."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)  # noqa: S311  # a repeatable test

    def perhaps(self, value: T) -> T | None:
        return value if self.draw.random() < 0.3 else None

    def some(self, choices: Sequence[str]) -> list[str]:
        return self.draw.sample(choices, self.draw.randint(1, 2))

    def day(self, first: int, last: int) -> date:
        return DAY + timedelta(days=self.draw.randint(first, last))

    def alert(self) -> Document:
        starts, round_trip = self.draw.randint(0, 4), self.draw.random() < 0.6
        returns: Document = {
            "return_from": self.perhaps(self.day(2, 7)),
            "return_to": self.day(3, 12),
            "nights_min": self.perhaps(self.draw.randint(0, 6)),
            "nights_max": self.perhaps(self.draw.randint(1, 9)),
        }
        carriers: Document = {self.draw.choice(["carriers", "excluded_carriers"]): self.perhaps(self.some(AIRLINES))}
        return alert_row(
            self.draw.choice([8_999, 9_000, 9_500, 10_000, 11_999, 12_000, UNSET]),
            rule="new_low",
            state=self.draw.choice(["active"] * 7 + ["paused", "fired", "expired"]),
            departure_from=DAY + timedelta(days=starts),
            departure_to=self.day(starts, 6),
            round_trip=round_trip,
            origin_airports=self.perhaps(self.some(ORIGINS)),
            destination_airports=self.perhaps(self.some(DESTINATIONS)),
            weekdays=self.perhaps(self.draw.randrange(1, 128)),
            cabin=self.perhaps(self.draw.randrange(2)),
            max_stops=self.perhaps(self.draw.randrange(3)),
            **(NO_RETURN | (returns if round_trip else {})),
            **(ANY_CARRIER | carriers),
        )

    def change(self) -> Document:
        departs = self.draw.randint(0, 6)
        return change(
            self.draw.choice([8_999, 9_000, 9_001, 10_000, 12_000]),
            self.draw.choice([None, 9_001, 10_000, 10_001, 12_001]),
            origin=self.draw.choice(ORIGINS),
            destination=self.draw.choice(DESTINATIONS),
            departure_date=DAY + timedelta(days=departs),
            return_date=self.draw.choice([None, self.day(departs, 12)]),
            carrier=self.draw.choice([*AIRLINES, None]),
            flight_number=str(self.draw.randint(1, 99)),
            cabin=self.draw.choice(CABINS[:2]),
            stops=self.draw.randrange(4),
        )


def part_of(changes: Sequence[Document]) -> Part:
    rows = decode(CHANGES, batch(CHANGES, *changes).body, ARROW).rows
    columns, findings = validate(rows, datetime.now(UTC), timedelta(days=1), check_amounts)
    assert findings.good.all()
    ((shard, part),) = parts_by_shard(columns, SHARD_MAP)
    assert shard == HOME
    return part


def accepted(row: Mapping[str, Any], part: Part, position: int, changed: Document) -> bool:
    """What the design says of an alert and a change, in its words."""
    price, previous, armed = changed["price"], changed["previous_price"], row["armed_price"]
    fell = previous is None or price < previous
    crossed = price <= armed and (previous is None or armed < previous)
    board, fare_key = part.keys(position)
    filters = Filters.of({name: row.get(name) for name in Filters.__dataclass_fields__})
    wanted = bool(row["round_trip"]) == (changed["return_date"] is not None) and filters.want(
        unpack_board(board), unpack_fare(fare_key)
    )
    return row["state"] == "active" and fell and crossed and wanted


@pytest.mark.parametrize("seed", range(5))
async def test_the_match_finds_exactly_what_filters_and_prices_let_through(
    shard_engines: list[AsyncEngine], seed: int
) -> None:
    world = World(seed)
    rows = [world.alert() for _ in range(300)]
    changes = [world.change() for _ in range(300)]
    await store_alerts(shard_engines, *rows)
    part = part_of(changes)
    falls = falls_of(part, ReferenceAmounts(RATES), 1.0)

    async with Shards(shard_engines).transaction(HOME, part.buckets) as transaction:
        found = [(alert, int(falls.position[i])) for alert, i in await store.match(transaction.driver, part, falls)]

    expected = {
        (row["id"], position)
        for row in rows
        for position, changed in enumerate(changes)
        if accepted(row, part, position, changed)
    }
    assert set(found) == expected
    assert len(found) == len(expected) > 300


class Explaining:
    """In the place of a connection: has statements explained, and run, instead of giving their rows."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.plan: dict[str, Any] = {}

    async def fetch(self, statement: str, *arguments: object) -> list[tuple[UUID, int]]:
        (explained,) = await self._connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *arguments)
        self.plan = explained["Plan"]
        return []


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes(child))]


async def test_the_match_reads_one_index_and_no_table_while_the_visibility_map_is_fresh(
    shard_engines: list[AsyncEngine],
) -> None:
    world = World(0)
    await store_alerts(shard_engines, *(world.alert() for _ in range(5_000)))
    async with shard_engines[HOME].execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("VACUUM ANALYZE alerts"))
    part = part_of([world.change() for _ in range(500)])

    async with Shards(shard_engines).transaction(HOME, part.buckets) as transaction:
        explaining: Any = Explaining(transaction.driver)
        await store.match(explaining, part, falls_of(part, transaction.rates.amounts, transaction.reach))

    scans = [node for node in nodes(explaining.plan) if node.get("Relation Name") == "alerts"]
    assert [(scan["Node Type"], scan["Index Name"]) for scan in scans] == [("Index Only Scan", "alerts_armed_idx")]
    assert scans[0]["Heap Fetches"] == 0
    assert scans[0]["Actual Loops"] > 100, "one look-up for each fall"
    for column in ("route", "round_trip", "armed_price"):
        assert column in scans[0]["Index Cond"]
    (loop,) = (node for node in nodes(explaining.plan) if scans[0] in node.get("Plans", []))
    assert loop["Node Type"] == "Nested Loop"


async def test_watched_fares_are_found_by_their_index(shard_engines: list[AsyncEngine]) -> None:
    rows = [alert_row(watched_board=board, watched_fare=-1) for board in range(1, 3_000)]
    await store_alerts(shard_engines, *rows)
    async with shard_engines[HOME].execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("VACUUM ANALYZE alerts"))
    part = part_of([change(9_000, 9_500)])
    async with Shards(shard_engines).transaction(HOME, part.buckets) as transaction:
        explaining: Any = Explaining(transaction.driver)
        await store.watching(explaining, part)
    (scan,) = (node for node in nodes(explaining.plan) if node.get("Relation Name") == "alerts")
    assert (scan["Node Type"], scan["Index Name"]) == ("Index Only Scan", "alerts_watched_idx")
