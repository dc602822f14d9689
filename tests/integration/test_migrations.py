"""Migrations of the accounts database and the shards, on a real server."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from fleet import migrations
from fleet.migrations import migrate
from fleet.partitions import DAYS_AHEAD, MONTHS_AHEAD, MONTHS_BEHIND
from fleet.schema_changes import TURN, TableLockedError
from shared.databases import open_engine
from shared.errors import UnavailableError
from shared.messages.columns import MAX_DAYS_AHEAD
from shared.schema import accounts, shards
from shared.schema.accounts import notifications
from shared.schema.shards import ONE_WAY, price_history
from tests.development_rates import RATES
from tests.integration.fresh_databases import create_databases
from tests.private_servers import Servers

TODAY = date(2026, 11, 22)

# All that makes up our tables: columns, constraints, indexes and storage parameters, as the server writes them.
CATALOG = """
    SELECT relname, attname, format_type(atttypid, atttypmod) || attnotnull::text
        || coalesce(pg_get_expr(adbin, adrelid), '')
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relname = ANY(:tables)
    UNION ALL SELECT relname, conname, pg_get_constraintdef(pg_constraint.oid)
    FROM pg_class JOIN pg_constraint ON conrelid = pg_class.oid WHERE relname = ANY(:tables)
    UNION ALL SELECT tablename, indexname, indexdef FROM pg_indexes WHERE tablename = ANY(:tables)
    UNION ALL SELECT relname, 'storage', reloptions::text || coalesce(pg_get_partkeydef(oid), '')
    FROM pg_class WHERE relname = ANY(:tables)
"""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncConnection]:
    engine = open_engine(url, application="tests", pool_size=1)
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


async def tables(url: str) -> set[str]:
    async with connected(url) as connection:
        return set(await connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))


async def catalog(connection: AsyncConnection, metadata: MetaData) -> set[tuple[Any, ...]]:
    rows = await connection.execute(text(CATALOG), {"tables": list(metadata.tables)})
    return {tuple(row) for row in rows}


def differences(connection: Connection, metadata: MetaData) -> list[Any]:
    def ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "table" or not re.fullmatch(r"(notifications|price_history)_(\d+|default)", name or "")

    opts = {"compare_server_default": True, "include_name": ours}
    return list(compare_metadata(MigrationContext.configure(connection, opts=opts), metadata))


def silent(_: str) -> None:
    """Say nothing."""


@pytest.mark.parametrize("history", ["accounts", "shards"])
async def test_the_migrated_database_is_what_the_metadata_says(servers: Servers, history: str) -> None:
    metadata = {"accounts": accounts.metadata, "shards": shards.metadata}[history]
    accounts_url, shard_url, made_url = await create_databases(servers.postgres, 3)
    await migrate(accounts_url, [shard_url], silent, today=TODAY, rates=RATES)
    async with connected(made_url) as connection:
        await connection.run_sync(metadata.create_all)
        expected = await catalog(connection, metadata)
    async with connected(accounts_url if history == "accounts" else shard_url) as connection:
        assert await connection.run_sync(differences, metadata) == []
        assert await catalog(connection, metadata) == expected


async def test_migrating_again_changes_nothing_and_says_what_is_done(servers: Servers) -> None:
    accounts_url, *shard_urls = await create_databases(servers.postgres, 3)
    await migrate(accounts_url, shard_urls, silent, today=TODAY, rates=RATES)
    before = await tables(accounts_url)
    said: list[str] = []
    await migrate(accounts_url, shard_urls, said.append, today=TODAY, rates=RATES)
    assert await tables(accounts_url) == before
    assert said == ["accounts is migrated", "shard0 is migrated", "shard1 is migrated"]


async def test_a_canary_that_fails_leaves_the_other_shards_alone(servers: Servers) -> None:
    accounts_url, canary, other = await create_databases(servers.postgres, 3)
    async with connected(canary) as connection:
        await connection.execute(text("CREATE TABLE alerts (id integer)"))
    with pytest.raises(Exception, match="already exists"):
        await migrate(accounts_url, [canary, other], silent, today=TODAY, rates=RATES)
    assert await tables(canary) == {"alerts"}
    assert await tables(other) == set()


async def test_a_migration_waits_for_its_turn(servers: Servers) -> None:
    accounts_url, observed = await create_databases(servers.postgres, 2)
    async with connected(accounts_url) as holder:
        await holder.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
        migrating = asyncio.create_task(migrate(accounts_url, [], silent, today=TODAY, rates=RATES))
        waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        async with connected(observed) as connection:
            while not await connection.scalar(waiting):
                assert not migrating.done()
        assert await tables(accounts_url) == set()
    await migrating
    assert "users" in await tables(accounts_url)


async def test_a_table_in_use_ends_the_migration_soon_and_whole(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "100ms")
    (accounts_url,) = await create_databases(servers.postgres, 1)
    await migrate(accounts_url, [], silent, today=TODAY, rates=RATES)
    before = await tables(accounts_url)
    async with connected(accounts_url) as holder:
        await holder.execute(text("LOCK TABLE notifications_default IN ACCESS SHARE MODE"))
        with pytest.raises(TableLockedError, match=r"accounts: .* run the command again"):
            await migrate(accounts_url, [], silent, today=TODAY + timedelta(days=1), rates=RATES)
    assert await tables(accounts_url) == before


async def test_each_coming_day_has_its_partition(servers: Servers) -> None:
    (accounts_url,) = await create_databases(servers.postgres, 1)
    await migrate(accounts_url, [], silent, today=TODAY, rates=RATES)
    days = (TODAY + timedelta(days=ahead) for ahead in range(DAYS_AHEAD))
    partitions = {f"notifications_{day:%Y%m%d}" for day in days} | {"notifications_default"}
    assert {name for name in await tables(accounts_url) if name.startswith("notifications_")} == partitions


async def test_every_fare_on_sale_departs_in_a_month_of_the_history(servers: Servers) -> None:
    """Also yesterday's, and those two years ahead when the last migration was a month ago."""
    accounts_url, shard_url = await create_databases(servers.postgres, 2)
    today = date(2027, 1, 31)
    await migrate(accounts_url, [shard_url], silent, today=today, rates=RATES)
    later = today + timedelta(days=31)
    departures = [date(2026, 12, 31), today, later, later + timedelta(days=MAX_DAYS_AHEAD)]
    async with connected(shard_url) as connection:
        await connection.execute(insert(price_history), [a_day_of_history(departure) for departure in departures])
        rows = (
            await connection.execute(select(price_history.c.departure_date, text("tableoid::regclass::text")))
        ).all()
    assert {tuple(row) for row in rows} == {(day, f"price_history_{day:%Y%m}") for day in departures}


async def test_the_history_gets_its_further_months_as_time_goes_on(servers: Servers) -> None:
    accounts_url, shard_url = await create_databases(servers.postgres, 2)
    for today in (date(2026, 11, 30), date(2026, 12, 1)):
        await migrate(accounts_url, [shard_url], silent, today=today, rates=RATES)
    months = {name for name in await tables(shard_url) if name.startswith("price_history_")}
    assert len(months) == MONTHS_BEHIND + 1 + MONTHS_AHEAD + 1
    assert (min(months), max(months)) == ("price_history_202610", "price_history_202903")


def a_day_of_history(departure: date) -> dict[str, Any]:
    prices = dict.fromkeys(("low", "high", "last", "low_reference", "last_reference"), 100)
    of = {"route": "NYC-LON", "departure_date": departure, "return_date": ONE_WAY, "cabin": 0, "currency": "EUR"}
    return of | prices | {"observed_on": TODAY, "last_observed_at": datetime(2026, 11, 22, tzinfo=UTC), "changes": 1}


async def test_rows_that_waited_in_the_default_move_to_their_day(servers: Servers) -> None:
    (accounts_url,) = await create_databases(servers.postgres, 1)
    await migrate(accounts_url, [], silent, today=TODAY, rates=RATES)
    late, later = TODAY + timedelta(days=20), TODAY + timedelta(days=40)
    async with connected(accounts_url) as connection:
        rows = [
            {"id": uuid4(), "fired_on": day, "user_id": uuid4(), "alert_id": uuid4(), "content": {}}
            for day in (late, later)
        ]
        await connection.execute(insert(notifications), rows)
    await migrate(accounts_url, [], silent, today=TODAY + timedelta(days=14), rates=RATES)
    async with connected(accounts_url) as connection:
        partition = text("tableoid::regclass::text")
        where = (await connection.execute(select(notifications.c.fired_on, partition))).all()
    assert {tuple(row) for row in where} == {
        (late, f"notifications_{late:%Y%m%d}"),
        (later, "notifications_default"),
    }


async def test_a_server_that_is_away_is_named() -> None:
    with pytest.raises(UnavailableError, match="accounts"):
        await migrate("postgresql://nobody:x@127.0.0.1:1/none", [], silent, today=TODAY, rates=RATES)
