"""Whom the subjects of another issuer stand for, in a real database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.migrations import migrate
from services.alerts_api.accounts import identities as module
from services.alerts_api.accounts.identities import Identities
from shared.databases import open_engine
from shared.schema.accounts import identities, users
from tests.development_rates import RATES
from tests.integration.fresh_databases import create_databases
from tests.private_servers import Servers

ISSUER = "https://issuer.example"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def accounts_url(servers: Servers) -> str:
    async def migrated() -> str:
        accounts, shard = await create_databases(servers.postgres, 2)
        await migrate(accounts, [shard], lambda _: None, today=datetime.now(UTC).date(), rates=RATES)
        return accounts

    return asyncio.run(migrated())


@pytest.fixture
async def engine(accounts_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(accounts_url, application="tests", pool_size=10)
    async with engine.begin() as connection:
        await connection.execute(delete(users))
    yield engine
    await engine.dispose()


async def count_of_users(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return await connection.scalar(select(func.count()).select_from(users)) or 0


async def test_a_subject_stands_for_the_same_user_in_every_process(engine: AsyncEngine) -> None:
    first = await Identities(engine, ISSUER).user_of("ann")
    assert first is not None
    assert await Identities(engine, ISSUER).user_of("ann") == first
    assert await count_of_users(engine) == 1


async def test_subjects_and_issuers_are_kept_apart(engine: AsyncEngine) -> None:
    ids = [
        await Identities(engine, issuer).user_of(subject)
        for issuer in (ISSUER, "https://another.example")
        for subject in ("ann", "Ann", "bob")
    ]
    assert len(set(ids)) == 6


async def test_first_requests_at_once_make_one_user(engine: AsyncEngine) -> None:
    processes = [Identities(engine, ISSUER) for _ in range(10)]
    ids = await asyncio.gather(*(process.user_of("ann") for process in processes for _ in range(2)))
    assert None not in ids
    assert len(set(ids)) == 1
    assert await count_of_users(engine) == 1


async def test_one_who_is_being_deleted_is_nobody_within_a_minute(engine: AsyncEngine) -> None:
    clock = Clock()
    process = Identities(engine, ISSUER, clock)
    user_id = await process.user_of("ann")
    async with engine.begin() as connection:
        await connection.execute(update(users).values(deleting_at=datetime.now(UTC)))
    clock.now = 59.0
    assert await process.user_of("ann") == user_id
    clock.now = 60.0
    assert await process.user_of("ann") is None
    assert await process.user_of("ann") is None


async def test_one_who_comes_back_after_being_deleted_is_somebody_new(engine: AsyncEngine) -> None:
    old = await Identities(engine, ISSUER).user_of("ann")
    async with engine.begin() as connection:
        await connection.execute(delete(users))
        assert await connection.scalar(select(func.count()).select_from(identities)) == 0
    new = await Identities(engine, ISSUER).user_of("ann")
    assert new not in {old, None}


async def test_only_so_many_are_kept_in_mind(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_KEPT", 2)
    process = Identities(engine, ISSUER)
    ids = {subject: await process.user_of(subject) for subject in ("ann", "bob", "cleo")}
    async with engine.begin() as connection:
        await connection.execute(delete(users))
    assert await process.user_of("bob") == ids["bob"]
    assert await process.user_of("cleo") == ids["cleo"]
    assert await process.user_of("ann") not in {ids["ann"], None}
