"""Partitions are kept: made ahead, taken out when they are old, and nothing stays in the default."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection
from typer.testing import CliRunner

from fleet import partition_upkeep
from fleet.commands import app
from fleet.migrations import migrate
from fleet.partition_upkeep import Kept, Upkeep, keep_partitions
from fleet.partitions import DAYS_AHEAD
from fleet.partitions_ahead import days_ahead
from fleet.schema_changes import TableLockedError
from shared.databases import open_engine
from shared.schema.accounts import notifications
from shared.schema.shards import price_history
from tests.development_rates import RATES
from tests.integration.fleet_on_file import WITHOUT_SERVERS
from tests.integration.fresh_databases import create_databases
from tests.integration.past_prices import PastPrice
from tests.private_servers import Servers

TODAY = date(2026, 11, 22)
KEPT = timedelta(days=90)
MONTHS_KEPT = 13
DAY = timedelta(days=1)


def named(day: date) -> str:
    return f"notifications_{day:%Y%m%d}"


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncConnection]:
    engine = open_engine(url, application="tests", pool_size=1)
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


class Databases:
    """Accounts and a shard that were migrated on some day."""

    def __init__(self, accounts: str, shard: str) -> None:
        self.accounts = accounts
        self.shard = shard

    async def keep(self, today: date, *, drop: bool = False) -> Upkeep:
        return await keep_partitions(self.accounts, [self.shard], today, Kept(KEPT, MONTHS_KEPT), drop=drop)

    async def record(self, *days: date) -> None:
        rows = [
            {"id": uuid4(), "fired_on": day, "user_id": uuid4(), "alert_id": uuid4(), "content": {}} for day in days
        ]
        async with connected(self.accounts) as connection:
            await connection.execute(insert(notifications), rows)

    async def recorded(self) -> set[tuple[date, str]]:
        """The day of each notification that is in its table, and the partition that it is in."""
        async with connected(self.accounts) as connection:
            found = await connection.execute(select(notifications.c.fired_on, text("tableoid::regclass::text")))
            return {(row[0], row[1]) for row in found}

    async def price(self, *departures: date) -> None:
        async with connected(self.shard) as connection:
            await connection.execute(
                insert(price_history), [PastPrice(100, departure=departure).row for departure in departures]
            )

    async def priced(self) -> set[date]:
        """The departures that the history knows of."""
        async with connected(self.shard) as connection:
            return set(await connection.scalars(select(price_history.c.departure_date)))

    async def tables(self) -> set[str]:
        async with connected(self.accounts) as connection:
            return set(await connection.scalars(text("SELECT relname FROM pg_class WHERE relkind = 'r'")))


@pytest.fixture
async def databases(servers: Servers) -> Databases:
    accounts, shard = await create_databases(servers.postgres, 2)
    await migrate(accounts, [shard], lambda _: None, today=TODAY, rates=RATES)
    return Databases(accounts, shard)


async def test_room_is_made_for_the_coming_days_and_months(databases: Databases) -> None:
    later = TODAY + timedelta(days=15)
    done = await databases.keep(later)
    coming = [named(later + timedelta(days=ahead)) for ahead in range(DAYS_AHEAD)]
    made = {"accounts": coming, "shard0": ["price_history_202903"]}
    assert done == Upkeep(made=made, moved=0, detached=[], dropped=[], months_dropped={}, in_default=0)
    assert set(coming) <= await databases.tables()


async def test_it_is_known_how_many_days_the_partitions_will_do(databases: Databases) -> None:
    months = (date(2029, 3, 1) - TODAY).days
    for days in (0, 10, DAYS_AHEAD, DAYS_AHEAD + 1):
        ahead = await days_ahead(databases.accounts, [databases.shard], TODAY + days * DAY)
        assert ahead == {
            ("accounts", "notifications"): max(DAYS_AHEAD - days, 0),
            ("shard0", "price_history"): months - days,
        }


async def test_a_database_that_is_away_has_no_count_of_days(databases: Databases) -> None:
    away = "postgresql://nobody:nothing@127.0.0.1:1/nowhere"
    assert list(await days_ahead(away, [away, databases.shard], TODAY)) == [("shard1", "price_history")]


async def test_running_it_again_changes_nothing(databases: Databases) -> None:
    nothing = Upkeep(
        made={"accounts": [], "shard0": []}, moved=0, detached=[], dropped=[], months_dropped={}, in_default=0
    )
    assert await databases.keep(TODAY) == nothing


async def test_days_past_keeping_are_taken_out_with_their_notifications(databases: Databases) -> None:
    await databases.record(TODAY, TODAY + DAY)
    done = await databases.keep(TODAY + KEPT + DAY)
    assert done.detached == [named(TODAY)]
    assert await databases.recorded() == {(TODAY + DAY, named(TODAY + DAY))}
    async with connected(databases.accounts) as connection:
        assert await connection.scalar(select(func.count()).select_from(table(named(TODAY)))) == 1


async def test_a_day_that_was_taken_out_is_dropped_a_month_later_if_that_is_wished(databases: Databases) -> None:
    taken_out = TODAY + KEPT + DAY
    await databases.keep(taken_out, drop=True)
    assert (await databases.keep(taken_out + timedelta(days=29), drop=True)).dropped == []
    assert (await databases.keep(taken_out + timedelta(days=30))).dropped == []
    assert (await databases.keep(taken_out + timedelta(days=30), drop=True)).dropped == [named(TODAY)]
    assert named(TODAY) not in await databases.tables()


async def test_what_was_never_taken_out_is_not_dropped_however_old(databases: Databases) -> None:
    """There has been no time to look at it."""
    done = await databases.keep(TODAY + timedelta(days=1_000), drop=True)
    assert (len(done.detached), done.dropped) == (DAYS_AHEAD, [])
    assert named(TODAY) in await databases.tables()


async def test_a_month_of_history_is_dropped_when_its_departures_are_over_for_longer_than_it_is_kept(
    databases: Databases,
) -> None:
    """The first one that there is is October 2026."""
    still_kept, over = date(2027, 11, 30), date(2027, 12, 1)
    await databases.price(date(2026, 10, 31), date(2026, 11, 1))
    assert (await databases.keep(still_kept, drop=True)).months_dropped == {"shard0": []}
    assert (await databases.keep(over)).months_dropped == {}
    assert await databases.priced() == {date(2026, 10, 31), date(2026, 11, 1)}
    assert (await databases.keep(over, drop=True)).months_dropped == {"shard0": ["price_history_202610"]}
    assert await databases.priced() == {date(2026, 11, 1)}
    again = await databases.keep(over, drop=True)
    assert (again.months_dropped, again.made["shard0"]) == ({"shard0": []}, [])


async def test_what_waits_in_the_default_moves_into_its_day(databases: Databases) -> None:
    """Days that nobody made, past and to come; not those so far ahead that they cannot be true."""
    missed, ahead, absurd = (TODAY + timedelta(days=days) for days in (20, 40, 400))
    await databases.record(missed, missed, ahead, absurd)
    done = await databases.keep(TODAY + timedelta(days=35))
    assert (done.moved, done.in_default) == (3, 1)
    assert named(missed) in done.made["accounts"]
    assert await databases.recorded() == {
        (missed, named(missed)),
        (ahead, named(ahead)),
        (absurd, "notifications_default"),
    }


async def test_what_comes_late_of_a_day_that_was_taken_out_waits_until_that_is_dropped(databases: Databases) -> None:
    await databases.keep(TODAY + KEPT + DAY)
    await databases.record(TODAY)
    late = await databases.keep(TODAY + KEPT + DAY)
    assert (late.moved, late.in_default, late.detached) == (0, 1, [])
    month_later = TODAY + KEPT + timedelta(days=31)
    assert (await databases.keep(month_later, drop=True)).dropped == [named(TODAY)]
    again = await databases.keep(month_later, drop=True)
    assert (again.moved, again.in_default, again.detached) == (1, 0, [named(TODAY)])


async def test_it_gives_way_to_who_is_at_work_and_tries_again(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_upkeep, "_LOCK_TIMEOUT", "50ms")
    async with connected(databases.accounts) as at_work:
        await at_work.execute(text("LOCK TABLE ONLY notifications IN ROW EXCLUSIVE MODE"))
        keeping = asyncio.create_task(databases.keep(TODAY + KEPT + DAY))
        while await gave_way(databases) < 2:
            assert not keeping.done()
    assert (await keeping).detached == [named(TODAY)]


async def gave_way(databases: Databases) -> int:
    """How many of the database's transactions failed."""
    async with connected(databases.accounts) as connection:
        failed = text("SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()")
        return int(await connection.scalar(failed) or 0)


async def test_who_never_gives_way_is_told_of(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_upkeep, "_LOCK_TIMEOUT", "10ms")
    monkeypatch.setattr(partition_upkeep, "_ATTEMPTS", 2)
    async with connected(databases.accounts) as at_work:
        await at_work.execute(text("LOCK TABLE ONLY notifications IN ROW EXCLUSIVE MODE"))
        with pytest.raises(TableLockedError, match=r"accounts: .* run the command again"):
            await databases.keep(TODAY + KEPT + DAY)
    assert named(TODAY + KEPT + DAY) in await databases.tables(), "what was done before stays done"


async def test_two_at_once_share_the_work(databases: Databases) -> None:
    await databases.record(TODAY + timedelta(days=40))
    today = TODAY + KEPT + DAY
    one, other = await asyncio.gather(databases.keep(today), databases.keep(today))
    assert one.moved + other.moved == 1
    assert sorted(one.detached + other.detached) == [named(TODAY)]
    made = one.made["accounts"] + other.made["accounts"]
    assert len(made) == len(set(made)) == DAYS_AHEAD + 1


def test_the_command_says_what_it_did_and_warns_of_the_default(servers: Servers, tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    accounts, shard = asyncio.run(create_databases(servers.postgres, 2))
    asyncio.run(migrate(accounts, [shard], lambda _: None, today=today - timedelta(days=8), rates=RATES))
    databases = Databases(accounts, shard)
    asyncio.run(databases.record(today + timedelta(days=8), today + timedelta(days=800)))
    fleet_at(databases, tmp_path)
    first = CliRunner().invoke(app, ["partitions", "--keep-days", "7", "--json", "--data", str(tmp_path)])
    done = json.loads(first.stdout)
    assert (len(done["made"]["accounts"]), done["moved"], done["in_default"]) == (8, 1, 1)
    assert done["detached"] == [named(today - timedelta(days=8))]
    assert "1 notifications were in the default partition" in first.stderr
    assert "1 notifications stay in the default partition" in first.stderr
    second = CliRunner().invoke(app, ["partitions", "--drop", "--data", str(tmp_path)])
    assert second.stdout.splitlines() == [
        "accounts: nothing made",
        "shard0: nothing made",
        "taken out: nothing",
        "dropped: nothing",
    ]


def fleet_at(databases: Databases, folder: Path) -> None:
    """Write the addresses of a fleet that stands on these databases and has no process that runs."""
    replace(WITHOUT_SERVERS, accounts=databases.accounts, shards=[databases.shard]).write(folder)
