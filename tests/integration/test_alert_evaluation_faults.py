"""Evaluations when something fails: crashes, commands that come too late, servers that are away."""

from collections.abc import Sequence

import pytest
from redis.asyncio import Redis
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.servers.ports import free_ports
from shared.airports import route_of
from shared.databases import open_engine
from shared.deliveries import Done, Park
from shared.errors import TransientError, UnavailableError
from shared.fare_boards.layout import redis_key
from shared.fare_boards.store import BoardStore
from shared.messages import evaluations
from shared.messages.evaluations import Evaluation
from shared.messages.notifications import notification_id
from shared.schema.shards import alerts, shard_state
from shared.shard_map import bucket_of
from tests.integration.alert_rows import (
    ROUTE,
    SHARD_MAP,
    Stage,
    alert_row,
    fare,
    keys_of,
    stage,
    store_alerts,
    told_of,
)
from tests.integration.conftest import SHARDS
from tests.integration.crashing import CrashError, Crashing

__all__ = ["stage"]


async def test_commands_for_alerts_that_are_gone_or_have_left_their_route_come_to_nothing(stage: Stage) -> None:
    same_shard = next(
        route
        for route in ("NYC-ROM", "NYC-MAD", "NYC-AMS", "NYC-BER", "NYC-ZRH", "NYC-VIE", "NYC-LIS", "NYC-OSL", "NYC-PAR")
        if SHARD_MAP.shard_of(route) == SHARD_MAP.shard_of(ROUTE)
    )
    await stage.see(fare(9_000))
    kept, gone = await store_alerts(stage.engines, alert_row(10_000), alert_row(10_000))
    async with stage.engines[SHARD_MAP.shard_of(ROUTE)].begin() as connection:
        await connection.execute(alerts.delete().where(alerts.c.id == gone))
    commands = [Evaluation(alert_id=kept, route=same_shard), Evaluation(alert_id=gone, route=ROUTE)]
    assert await stage.evaluate(*commands) == Done()
    assert stage.told == []


@pytest.mark.parametrize("point", ["evaluated", "notifications_confirmed", "evaluations_committed"])
async def test_a_command_that_is_repeated_after_a_crash_claims_once(stage: Stage, point: str) -> None:
    await stage.see(fare(9_000))
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    crashing = Stage(stage.engines, stage.boards, Crashing(f"alert_worker.{point}"), stage.broker)
    with pytest.raises(CrashError):
        await crashing.evaluate_alert(armed)
    await stage.evaluate_alert(armed)
    assert (await stage.alert(armed)).fire_seq == 1
    assert {notice.id for notice in stage.told} == {notification_id(armed, 0, 1, *told_of(stage.told[0]))}


async def commands_for_two_shards(engines: Sequence[AsyncEngine]) -> tuple[Evaluation, Evaluation]:
    """One for `ROUTE` and one for a route of another shard."""
    destination = next(to for to in ("CDG", "FCO", "MAD") if SHARD_MAP.shard_of(route_of("JFK", to)) != _HOME)
    elsewhere = route_of("JFK", destination)
    (here,) = await store_alerts(engines, alert_row(10_000))
    (there,) = await store_alerts(engines, alert_row(10_000, elsewhere))
    return Evaluation(alert_id=here, route=ROUTE), Evaluation(alert_id=there, route=elsewhere)


_HOME = SHARD_MAP.shard_of(ROUTE)


async def test_while_a_shard_is_down_its_commands_are_parked_and_the_others_go_on(stage: Stage) -> None:
    here, there = await commands_for_two_shards(stage.engines)
    to = there.route[4:]
    await stage.see(fare(9_000), fare(9_000, destination={"PAR": "CDG", "ROM": "FCO"}.get(to, to)))
    (closed_port,) = free_ports(1)
    down = open_engine(f"postgresql://nobody:secret@127.0.0.1:{closed_port}/none", application="tests", pool_size=1)
    engines = [down if shard == _HOME else engine for shard, engine in enumerate(stage.engines)]
    crippled = Stage(engines, stage.boards, broker=stage.broker)

    settlement = await crippled.evaluate(here, there)

    assert settlement == Park("shard_unavailable", evaluations.encode([here]), evaluations.JSON)
    assert [notice.alert_id for notice in stage.told] == [there.alert_id]
    assert await stage.evaluate(here, attempt=1) == Done()
    assert [notice.alert_id for notice in stage.told] == [there.alert_id, here.alert_id]
    await down.dispose()


async def test_commands_for_a_bucket_that_has_moved_are_parked(stage: Stage) -> None:
    here, there = await commands_for_two_shards(stage.engines)
    await stage.shards.current_map()  # the old map is known by now
    newer = SHARD_MAP.moved(bucket_of(ROUTE), (_HOME + 1) % len(SHARDS))
    async with stage.engines[_HOME].begin() as connection:
        await connection.execute(update(shard_state).values(map_version=newer.version, shards=list(newer.shards)))
    settlement = await stage.evaluate(here, there)
    assert settlement == Park("map_moved", evaluations.encode([here]), evaluations.JSON)


async def test_without_redis_the_message_waits_and_nothing_stays_locked(shard_engines: list[AsyncEngine]) -> None:
    (closed_port,) = free_ports(1)
    away = BoardStore(f"redis://127.0.0.1:{closed_port}")
    stage = Stage(shard_engines, away)
    here, there = await commands_for_two_shards(shard_engines)
    with pytest.raises(UnavailableError, match="redis"):
        await stage.evaluate(here, there)
    for engine in shard_engines:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT * FROM alerts FOR UPDATE NOWAIT"))
    await away.close()


async def test_a_board_that_cannot_be_read_is_tried_again_later(stage: Stage, redis: Redis) -> None:
    """A newer version may be at work beside this one."""
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    board, _ = keys_of(fare(0))
    await redis.set(redis_key(board), b"\x02a newer board")
    with pytest.raises(TransientError, match="board_unreadable"):
        await stage.evaluate_alert(armed)


async def test_a_claim_is_not_written_before_its_notification_is_confirmed(stage: Stage) -> None:
    await stage.see(fare(9_000))
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    stage.broker.there = False
    with pytest.raises(UnavailableError, match="rabbitmq"):
        await stage.evaluate_alert(armed)
    assert (await stage.alert(armed)).fire_seq == 0
