"""The notifier over real shards and boards: what no longer holds is dropped, and its alert hears of it first."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.broker.broker import Broker
from shared.deliveries import Done
from shared.fakes import FakeBroker
from shared.fare_boards.store import BoardStore
from shared.messages import evaluations
from shared.messages.evaluations import MAX_EVALUATIONS
from shared.messages.notifications import Fare, Notification
from shared.schema.shards import alerts
from shared.topology import ALERTS_EVALUATE
from tests.integration.conftest import SHARDS, Probe
from tests.integration.notifying import DAY, FARE, NOW, expired, fired, handle, migrated_accounts, recorded, traveller
from tests.integration.vetting_world import FIRST_MAP, LATER, World, changed, undoing
from tests.private_servers import Servers


@pytest.fixture
async def world(servers: Servers, shard_engines: list[AsyncEngine], boards: BoardStore) -> AsyncIterator[World]:
    async with migrated_accounts(servers) as accounts:
        yield World(accounts, shard_engines, boards)


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


async def test_vetting_changes_no_alert(world: World) -> None:
    notice = await world.fired(state="paused")
    await handle(world.notifier, notice)
    columns = (alerts.c.state, alerts.c.fire_seq, alerts.c.armed_price, alerts.c.revision)
    async with world.engines[FIRST_MAP.shard_of(notice.route)].connect() as connection:
        assert (await connection.execute(select(*columns))).all() == [("paused", 0, 8819, 0)]


async def pause(world: World, notice: Notification) -> None:
    async with world.engines[FIRST_MAP.shard_of(notice.route)].begin() as connection:
        await connection.execute(update(alerts).where(alerts.c.id == notice.alert_id).values(state="paused"))
