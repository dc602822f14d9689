"""The spool keeps batches for good within its bound, and refuses at once when it cannot."""

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest_gateway.intake import spool as spool_module
from services.ingest_gateway.intake.spool import Spool
from shared.databases import open_engine
from shared.errors import UnavailableError
from shared.fare_lanes import Lane
from shared.schema.accounts import spooled_batches
from tests.counted import counted
from tests.integration.silent_server import silent_server
from tests.integration.spools import ROOMY, batch, bodies, keep, kept


def shut(spool: Spool) -> bool:
    return not spool.open


async def test_what_is_kept_lies_there_with_all_that_the_way_to_the_broker_needs(accounts: AsyncEngine) -> None:
    body = os.urandom(100_000)
    await Spool(accounts, ROOMY).keep(batch(body, Lane.LIVE, cycle=None))
    (row,) = await kept(accounts)
    assert (row["lane"], row["cycle"], row["fares"], row["body"]) == ("live", None, 3, body)
    assert abs(row["spooled_at"] - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_full_spool_refuses_and_takes_again_once_it_was_drained(accounts: AsyncEngine) -> None:
    spool = Spool(accounts, most_bytes=100)
    await keep(spool, b"x" * 60)
    with pytest.raises(UnavailableError, match="spool is unavailable: it holds 60 bytes already, of at most 100"):
        await keep(spool, b"y" * 41)
    await keep(spool, b"z" * 40)
    assert shut(spool)
    async with spool.turn(Lane.SWEEP) as turn:
        assert turn is not None
        await turn.forget(list(await turn.oldest(10)))
    await spool.look()
    assert not shut(spool)
    await keep(spool, b"x" * 60)


async def test_a_process_sees_what_others_have_put_there(accounts: AsyncEngine) -> None:
    ours, theirs = Spool(accounts, most_bytes=100), Spool(accounts, most_bytes=100)
    await keep(theirs, b"x" * 60)
    await ours.look()
    with pytest.raises(UnavailableError, match="holds 60 bytes"):
        await keep(ours, b"y" * 60)


async def test_before_its_first_look_nobody_is_told_that_it_is_open(accounts: AsyncEngine) -> None:
    spool = Spool(accounts, ROOMY)
    assert not spool.open
    await spool.look()
    assert spool.open


async def test_what_is_kept_shows_before_the_next_look(accounts: AsyncEngine) -> None:
    spool = Spool(accounts, ROOMY)
    await spool.look()
    await keep(spool, b"a")
    assert counted("farelark_spooled_batches") == 1


async def test_a_look_shows_how_many_batches_wait_for_how_long_and_how_full_it_is(accounts: AsyncEngine) -> None:
    spool = Spool(accounts, most_bytes=8)
    await spool.look()
    for gauge in ("farelark_spooled_batches", "farelark_spool_age_seconds", "farelark_spool_used_ratio"):
        assert counted(gauge) == 0
    await keep(spool, b"a", b"b")
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    async with accounts.begin() as connection:
        await connection.execute(
            update(spooled_batches).where(spooled_batches.c.body == b"a").values(spooled_at=an_hour_ago)
        )
    await spool.look()
    assert counted("farelark_spooled_batches") == 2
    assert counted("farelark_spool_used_ratio") == 0.25
    assert 3_600 <= counted("farelark_spool_age_seconds") < 3_660


async def test_a_lane_is_in_one_process_hands_at_a_time_and_the_other_lane_is_not(accounts: AsyncEngine) -> None:
    ours, theirs = Spool(accounts, ROOMY), Spool(accounts, ROOMY)
    async with ours.turn(Lane.SWEEP) as mine:
        assert mine is not None
        async with theirs.turn(Lane.SWEEP) as second, theirs.turn(Lane.LIVE) as other:
            assert second is None
            assert other is not None
    async with theirs.turn(Lane.SWEEP) as again:
        assert again is not None


async def test_a_turn_that_ends_by_an_error_has_forgotten_nothing(accounts: AsyncEngine) -> None:
    spool = Spool(accounts, ROOMY)
    await keep(spool, b"a")

    async def forget_and_fail() -> None:
        async with spool.turn(Lane.SWEEP) as turn:
            assert turn is not None
            await turn.forget(list(await turn.oldest(10)))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await forget_and_fail()
    assert await bodies(accounts) == [b"a"]


async def test_a_database_that_says_nothing_is_waited_for_once_and_then_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else each request would wait for it, and requests without end would wait together."""
    monkeypatch.setattr(spool_module, "_PATIENCE_S", 0.2)
    with silent_server() as server:
        engine = open_engine(server.url, application="tests", pool_size=2)
        spool = Spool(engine, ROOMY)
        with pytest.raises(UnavailableError, match="accounts is unavailable: TimeoutError"):
            await keep(spool, b"a")
        assert not spool.open
        with pytest.raises(UnavailableError, match="circuit breaker is open"):
            await keep(spool, b"a")
        await engine.dispose()


async def test_a_locked_table_is_not_waited_for_longer_than_a_producer_is_patient(
    accounts: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "_PATIENCE_S", 0.2)
    spool = Spool(accounts, ROOMY)
    await spool.look()
    async with accounts.begin() as holder:
        await holder.execute(text("LOCK TABLE spooled_batches"))
        with pytest.raises(UnavailableError, match="accounts"):
            await keep(spool, b"a")
    async with asyncio.timeout(20):
        while not spool.open:  # noqa: ASYNC110  # its breaker goes by the clock
            await asyncio.sleep(0.05)
    await keep(spool, b"b")
    assert await bodies(accounts) == [b"b"]
