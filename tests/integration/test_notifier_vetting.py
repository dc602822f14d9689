"""The notifier over real shards and boards: what no longer holds is dropped, and its alert hears of it first."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from redis.asyncio import Redis
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.servers.ports import free_ports
from services.notifier.handler import NotificationHandler
from services.notifier.vetting.alerts import AlertReader
from services.notifier.vetting.boards import FareReader
from services.notifier.vetting.vetting import Vetting
from shared.broker import Broker
from shared.databases import open_engine
from shared.deliveries import Done, Park, Retry
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.fakes import FakeBroker
from shared.fare_boards import layout
from shared.fare_boards.store import BoardStore, Write
from shared.messages import evaluations, fare_key
from shared.messages.evaluations import MAX_EVALUATIONS, Evaluation, Unseen
from shared.messages.notifications import JSON, Expiry, Fare, Notice, Notification, encode
from shared.schema.shards import alerts, shard_state
from shared.shard_map import ShardMap, bucket_of
from shared.shards import Shards
from shared.topology import ALERTS_EVALUATE
from tests.integration.conftest import SHARDS, Probe
from tests.integration.crashing import CrashError, Crashing
from tests.integration.notifying import (
    DAY,
    FARE,
    NOW,
    Gatekeeper,
    Notifier,
    expired,
    fired,
    handle,
    handle_messages,
    migrated_accounts,
    recorded,
    traveller,
)
from tests.private_servers import Servers

FIRST_MAP = ShardMap.even(len(SHARDS))
LATER = FARE.observed_at + timedelta(milliseconds=1)
LONG_AFTER_ANY_CLOCK = 2**33


class World:
    """A notifier with all that it stands on."""

    def __init__(self, accounts: AsyncEngine, engines: Sequence[AsyncEngine], boards: BoardStore) -> None:
        self.accounts = accounts
        self.engines = engines
        self.boards = boards
        self.shards = Shards(engines)
        self.broker: Broker = FakeBroker()
        self.gateway = Gatekeeper()
        self.failpoints = Failpoints(None)

    @property
    def notifier(self) -> NotificationHandler:
        vetting = Vetting(AlertReader(self.shards), FareReader(self.boards), lambda: NOW)
        parts = Notifier(self.accounts, self.gateway, vetting=vetting, broker=self.broker, failpoints=self.failpoints)
        return parts.handler()

    @property
    def undone(self) -> list[Evaluation]:
        """What alert workers were asked so far."""
        assert isinstance(self.broker, FakeBroker)
        assert {message.routing_key for message in self.broker.published} <= {ALERTS_EVALUATE.name}
        messages = [evaluations.decode(message.body, message.content_type) for message in self.broker.published]
        return [evaluation for message in messages for evaluation in message]

    async def fired(self, fare: Fare = FARE, route: str = "BCN-BUD", **alert: str | int) -> Notification:
        """A firing of an alert that is on its shard."""
        notice = fired(await traveller(self.accounts, "phone"), fare=fare, route=route)
        await self.keep(notice, alert=alert)
        return notice

    async def expired(self, **alert: str | int) -> Expiry:
        """The end of an alert that is on its shard."""
        notice = expired(await traveller(self.accounts, "phone"))
        await self.keep(notice, alert=alert)
        return notice

    async def keep(self, *notices: Notice, on: int | None = None, alert: Mapping[str, str | int] | None = None) -> None:
        """Put the alerts of notices where they belong, or on another shard."""
        shard = FIRST_MAP.shard_of(notices[0].route) if on is None else on
        async with self.engines[shard].begin() as connection:
            await connection.execute(insert(alerts), [alert_of(notice) | dict(alert or {}) for notice in notices])

    async def list_fares(self, *fares: Fare) -> None:
        """Make a board of these fares, which differ in their carriers only."""
        rows = np.zeros(len(fares), layout.ROW)
        rows["fare"] = [key_of(fare) for fare in fares]
        everywhere = np.arange(len(fares))
        prices = np.array([fare.price for fare in fares])
        layout.put_prices(rows, everywhere, prices, prices)
        seen = [round(fare.observed_at.timestamp() * 1000) for fare in fares]
        layout.put_observations(rows, everywhere, np.array(seen))
        value = layout.next_headers([layout.ABSENT])[0] + np.sort(rows, order="fare").tobytes()
        await self.boards.write([Write(board_of(fares[0]), layout.ABSENT, value, LONG_AFTER_ANY_CLOCK)])


def alert_of(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.alert_id,
        "user_id": notice.user_id,
        "route": notice.route,
        "departure_from": DAY,
        "departure_to": DAY,
        "rule": "target",
        "target": 9000,
        "currency": "EUR",
        "armed_price": 8819,
        "initial_price": 9000,
    }


def key_of(fare: Fare) -> int:
    flight = (fare.carrier, fare.flight_number, fare.departure_time)
    return fare_key.pack_fare(fare_key.Fare(*flight, fare.cabin, fare.stops, fare.currency))


def board_of(fare: Fare) -> str:
    return layout.redis_key(
        fare_key.pack_board(fare_key.Board(fare.origin, fare.destination, fare.departure_date, fare.return_date))
    )


def changed(fare: Fare = FARE, **fields: object) -> Fare:
    return msgspec.structs.replace(fare, **fields)


def undoing(notice: Notification) -> Evaluation:
    unseen = Unseen(
        revision=notice.revision,
        fire_seq=notice.fire_seq,
        fare=notice.fare_key,
        reference_price=notice.reference_price,
        armed_price=notice.armed_price,
    )
    return Evaluation(alert_id=notice.alert_id, route=notice.route, unseen=unseen)


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


async def test_what_still_holds_is_told(world: World) -> None:
    notice = await world.fired()
    assert await handle(world.notifier, notice) == [Done()]
    assert world.gateway.told == [notice.id]
    assert world.undone == []


async def test_the_only_firing_of_an_alert_that_fires_once_is_told(world: World) -> None:
    notice = await world.fired(state="fired", rearm="once")
    assert await handle(world.notifier, notice) == [Done()]
    assert world.gateway.told == [notice.id]


async def test_of_an_alert_that_was_deleted_nothing_is_told(world: World) -> None:
    notice = fired(await traveller(world.accounts, "phone"))
    assert await handle(world.notifier, notice) == [Done()]
    assert world.gateway.told == world.undone == []
    assert await recorded(world.accounts, notice) == [("dropped", "alert_deleted")]


async def test_an_edit_that_moved_the_alert_to_another_shard_revokes_what_was_queued(world: World) -> None:
    notice = fired(await traveller(world.accounts, "phone"))
    elsewhere = (FIRST_MAP.shard_of(notice.route) + 1) % len(SHARDS)
    await world.keep(notice, on=elsewhere, alert={"revision": 1})
    assert await handle(world.notifier, notice) == [Done()]
    assert world.gateway.told == []
    assert await recorded(world.accounts, notice) == [("dropped", "alert_deleted")]


@pytest.mark.parametrize(
    ("alert", "reason"),
    [
        ({"revision": 1}, "alert_edited"),
        ({"revision": 1, "state": "paused"}, "alert_edited"),
        ({"state": "paused"}, "alert_paused"),
        ({"state": "expired"}, "alert_expired"),
    ],
)
async def test_a_firing_of_an_alert_that_has_changed_is_dropped_with_its_reason(
    world: World, alert: dict[str, Any], reason: str
) -> None:
    notice = await world.fired(**alert)
    assert await handle(world.notifier, notice) == [Done()]
    assert world.gateway.told == []
    assert world.undone == ([undoing(notice)] if reason == "alert_paused" else [])
    assert await recorded(world.accounts, notice) == [("dropped", reason)]


async def test_a_fare_that_has_risen_since_is_not_told_and_its_alert_is_evaluated_again(world: World) -> None:
    await world.list_fares(
        changed(carrier="AB"), changed(carrier="VY", price=9000, observed_at=LATER), changed(carrier="ZZ")
    )
    gone, well = await world.fired(changed(carrier="VY")), await world.fired(changed(carrier="AB"))
    assert await handle(world.notifier, gone, well) == [Done(), Done()]
    assert world.gateway.told == [well.id]
    assert world.undone == [undoing(gone)]
    assert await recorded(world.accounts, gone) == [("dropped", "fare_gone")]


@pytest.mark.parametrize(
    "listed",
    [
        changed(carrier="VY", price=9000),
        changed(carrier="VY", price=9000, observed_at=FARE.observed_at - timedelta(hours=1)),
        changed(carrier="VY", price=8999, observed_at=LATER),
        changed(carrier="VY", price=8998, observed_at=LATER),
        changed(carrier="AB", price=9000, observed_at=LATER),
        changed(carrier="ZZ", price=9000, observed_at=LATER),
        changed(carrier="VY", return_date=DAY, price=9000, observed_at=LATER),
    ],
)
async def test_a_board_that_is_behind_or_speaks_of_other_fares_stops_nothing(world: World, listed: Fare) -> None:
    await world.list_fares(listed)
    notice = await world.fired(changed(carrier="VY"))
    assert await handle(world.notifier, notice) == [Done()]
    assert world.gateway.told == [notice.id]


@pytest.mark.parametrize(
    "fare",
    [
        changed(origin="QQQ"),
        changed(destination="QQQ"),
        changed(departure_date=date(2149, 6, 7)),
        changed(return_date=date(2149, 6, 7)),
    ],
)
async def test_a_fare_that_no_board_can_hold_is_told(world: World, fare: Fare) -> None:
    notice = await world.fired(fare)
    assert await handle(world.notifier, notice) == [Done()]
    assert world.gateway.told == [notice.id]


@pytest.mark.parametrize("departure", [NOW.date() - timedelta(days=1), date(1969, 12, 31)])
async def test_a_fare_whose_day_is_over_is_not_told_and_its_alert_stays_fired(world: World, departure: date) -> None:
    notice = await world.fired(changed(departure_date=departure))
    assert await handle(world.notifier, notice) == [Done()]
    assert await recorded(world.accounts, notice) == [("dropped", "fare_departed")]
    assert (world.gateway.told, world.undone) == ([], [])


async def test_the_end_of_an_alert_is_told_whether_or_not_it_is_committed_yet(world: World) -> None:
    notices = [await world.expired(state=state) for state in ("expired", "active", "paused", "fired")]
    assert await handle(world.notifier, *notices) == [Done()] * 4
    assert world.gateway.told == [notice.id for notice in notices]


async def test_the_end_of_an_alert_that_was_deleted_or_given_new_dates_is_not_told(world: World) -> None:
    deleted, edited = expired(await traveller(world.accounts, "phone")), await world.expired(revision=1)
    assert await handle(world.notifier, deleted, edited) == [Done(), Done()]
    assert world.gateway.told == world.undone == []
    assert await recorded(world.accounts, deleted, edited) == [
        ("dropped", "alert_deleted"),
        ("dropped", "alert_edited"),
    ]


@pytest.mark.parametrize("state", ["active", "paused"])
async def test_a_repeat_of_what_was_dropped_unseen_has_its_alert_evaluated_once_more(world: World, state: str) -> None:
    """Between the two the claim may have been rolled back and made again: the alert counts as having fired."""
    await world.list_fares(changed(price=9000, observed_at=LATER))
    notice = await world.fired(state=state)
    assert await handle(world.notifier, notice) == [Done()]
    assert await handle(world.notifier, notice) == [Done()]
    assert world.undone == [undoing(notice)] * 2
    assert world.gateway.told == []


async def test_a_repeat_of_what_was_dropped_for_good_or_sent_asks_for_nothing(world: World) -> None:
    notices = [await world.fired(revision=1), await world.fired()]
    await handle(world.notifier, *notices)
    await pause(world, notices[1])
    assert await handle(world.notifier, *notices) == [Done(), Done()]
    assert world.gateway.told == [notices[1].id]
    assert world.undone == []


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


async def test_the_evaluations_of_a_batch_travel_in_messages_of_bounded_length(world: World) -> None:
    user = await traveller(world.accounts)
    notices = [fired(user) for _ in range(MAX_EVALUATIONS + 1)]
    await world.keep(*notices, alert={"state": "paused"})
    await handle(world.notifier, *notices)
    assert isinstance(world.broker, FakeBroker)
    assert len(world.broker.published) == 2
    assert world.undone == [undoing(notice) for notice in notices]


async def test_the_alert_workers_queue_gets_the_evaluations(world: World, broker: Broker, probe: Probe) -> None:
    world.broker = broker
    notice = await world.fired(state="paused")
    assert await handle(world.notifier, notice) == [Done()]
    message = await probe.next(ALERTS_EVALUATE.name)
    assert evaluations.decode(message.body, message.content_type) == [undoing(notice)]


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


async def test_vetting_changes_no_alert(world: World) -> None:
    notice = await world.fired(state="paused")
    await handle(world.notifier, notice)
    columns = (alerts.c.state, alerts.c.fire_seq, alerts.c.armed_price, alerts.c.revision)
    async with world.engines[FIRST_MAP.shard_of(notice.route)].connect() as connection:
        assert (await connection.execute(select(*columns))).all() == [("paused", 0, 8819, 0)]


async def pause(world: World, notice: Notification) -> None:
    async with world.engines[FIRST_MAP.shard_of(notice.route)].begin() as connection:
        await connection.execute(update(alerts).where(alerts.c.id == notice.alert_id).values(state="paused"))


async def take_into_force(world: World, shard_map: ShardMap) -> None:
    for engine in world.engines:
        async with engine.begin() as connection:
            await connection.execute(
                update(shard_state).values(map_version=shard_map.version, shards=list(shard_map.shards))
            )


def route_off(shard: int) -> str:
    """A route that another shard holds."""
    return next(route for route in ("NYC-LON", "BCN-ROM", "BER-PAR", "TYO-SEL") if FIRST_MAP.shard_of(route) != shard)
