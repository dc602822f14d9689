"""What cannot be vetted now is neither told nor dropped, whatever is away and wherever a crash comes between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.servers.ports import free_ports
from shared.databases import open_engine
from shared.deliveries import Done, Park, Retry
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.fakes import FakeBroker
from shared.fare_boards.store import BoardStore
from shared.messages.notifications import JSON, encode
from shared.schema.shards import shard_state
from shared.shard_map import ShardMap, bucket_of
from shared.shards import Shards
from tests.integration.conftest import SHARDS
from tests.integration.crashing import CrashError, Crashing
from tests.integration.notifying import DAY, fired, handle, handle_messages, migrated_accounts, recorded, traveller
from tests.integration.vetting_world import FIRST_MAP, World, board_of, changed, undoing
from tests.private_servers import Servers


@pytest.fixture
async def world(servers: Servers, shard_engines: list[AsyncEngine], boards: BoardStore) -> AsyncIterator[World]:
    async with migrated_accounts(servers) as accounts:
        yield World(accounts, shard_engines, boards)


@asynccontextmanager
async def shard_away(world: World, shard: int) -> AsyncIterator[None]:
    """Nobody answers where this shard was."""
    (closed_port,) = free_ports(1)
    nobody = open_engine(f"postgresql://nobody:x@127.0.0.1:{closed_port}/none", application="tests", pool_size=1)
    engines = [nobody if number == shard else engine for number, engine in enumerate(world.engines)]
    world.shards, before = Shards(engines), world.shards
    yield
    world.shards = before
    await nobody.dispose()


async def test_after_a_crash_between_asking_and_marking_the_alert_is_asked_for_again(world: World) -> None:
    world.failpoints = Crashing("notifier.evaluations_confirmed")
    notice = await world.fired(state="paused")
    with pytest.raises(CrashError):
        await handle(world.notifier, notice)
    assert world.undone == [undoing(notice)]
    assert await recorded(world.accounts, notice) == []
    world.failpoints = Failpoints(None)
    assert await handle(world.notifier, notice) == [Done()]
    assert world.undone == [undoing(notice)] * 2
    assert world.gateway.told == []
    assert await recorded(world.accounts, notice) == [("dropped", "alert_paused")]


async def test_nothing_is_dropped_before_its_evaluation_is_safe(world: World) -> None:
    assert isinstance(world.broker, FakeBroker)
    world.broker.there = False
    paused, well = await world.fired(state="paused"), await world.fired()
    with pytest.raises(UnavailableError, match="rabbitmq"):
        await handle(world.notifier, paused, well)
    assert world.gateway.told == []
    assert await recorded(world.accounts, paused, well) == []


async def test_while_one_shard_is_away_only_its_notices_wait(world: World) -> None:
    here = await world.fired()
    there = await world.fired(route=route_off(FIRST_MAP.shard_of(here.route)))
    async with shard_away(world, FIRST_MAP.shard_of(there.route)):
        assert await handle(world.notifier, there, here) == [Park("shard_unavailable"), Done()]
    assert world.gateway.told == [here.id]
    assert await recorded(world.accounts, here, there) == [("sent", None), ("queued", "shard_unavailable")]
    assert await handle(world.notifier, there) == [Done()]
    assert world.gateway.told == [here.id, there.id]
    assert await recorded(world.accounts, there) == [("sent", None)]


async def test_while_one_shard_is_away_only_its_notices_of_a_message_go_back(world: World) -> None:
    here, also_here = await world.fired(), await world.fired()
    off = route_off(FIRST_MAP.shard_of(here.route))
    there, also_there = await world.fired(route=off), await world.fired(route=off)
    async with shard_away(world, FIRST_MAP.shard_of(off)):
        assert await handle_messages(world.notifier, [there, here, also_there], [also_here], [there]) == [
            Park("shard_unavailable", encode([there, also_there]), JSON),
            Done(),
            Park("shard_unavailable"),
        ]
    assert world.gateway.told == [here.id, also_here.id]
    assert await handle_messages(world.notifier, [there, also_there]) == [Done()]
    assert world.gateway.told == [here.id, also_here.id, there.id, also_there.id]
    everything = await recorded(world.accounts, here, also_here, there, also_there)
    assert everything == [("sent", None)] * 4


async def test_a_notice_whose_bucket_has_moved_waits_and_is_then_found_where_it_went(world: World) -> None:
    before, after = await world.fired(), fired(await traveller(world.accounts, "phone"))
    assert await handle(world.notifier, before) == [Done()]
    new_home = (FIRST_MAP.shard_of(after.route) + 1) % len(SHARDS)
    await world.keep(after, on=new_home)
    await take_into_force(world, FIRST_MAP.moved(bucket_of(after.route), new_home))
    assert await handle(world.notifier, after) == [Park("map_moved")]
    assert await recorded(world.accounts, after) == [("queued", "map_moved")]
    assert await handle(world.notifier, after) == [Done()]
    assert world.gateway.told == [before.id, after.id]


async def test_while_redis_is_away_the_batch_waits(world: World) -> None:
    world.boards = BoardStore("redis://127.0.0.1:1")
    notice = await world.fired()
    with pytest.raises(UnavailableError, match="redis"):
        await handle(world.notifier, notice)
    assert world.gateway.told == []
    assert await recorded(world.accounts, notice) == []


async def test_a_board_of_a_newer_version_fails_for_now(world: World, redis: Redis) -> None:
    notice = await world.fired()
    await redis.set(board_of(notice.fare), b"\xff" * 16)
    assert await handle(world.notifier, notice) == [Retry("board_unreadable")]
    assert world.gateway.told == []


async def test_a_board_of_a_newer_version_holds_up_its_own_notices_only(world: World, redis: Redis) -> None:
    newer, well = await world.fired(changed(return_date=DAY)), await world.fired()
    await redis.set(board_of(newer.fare), b"\xff" * 16)
    assert await handle_messages(world.notifier, [newer, well]) == [Retry("board_unreadable", encode([newer]), JSON)]
    assert world.gateway.told == [well.id]
    assert await recorded(world.accounts, newer, well) == [("sent", None)]


async def take_into_force(world: World, shard_map: ShardMap) -> None:
    for engine in world.engines:
        async with engine.begin() as connection:
            await connection.execute(
                update(shard_state).values(map_version=shard_map.version, shards=list(shard_map.shards))
            )


def route_off(shard: int) -> str:
    """A route that another shard holds."""
    return next(route for route in ("NYC-LON", "BCN-ROM", "BER-PAR", "TYO-SEL") if FIRST_MAP.shard_of(route) != shard)
