"""The match on real shards: who is claimed, at which price, and once."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.alerts.rules import CHECK_AFTER, UNSET
from shared.broker.broker import Broker
from shared.deliveries import Done
from shared.fare_boards.store import BoardStore
from shared.messages import notifications
from shared.messages.changes import CHANGES
from shared.messages.evaluations import Evaluation, Sighting
from shared.messages.notifications import Notification, notification_id
from shared.topology import NOTIFICATIONS_STANDARD, NOTIFICATIONS_URGENT, WorkQueue
from tests.integration.alert_rows import (
    DAY,
    NOW,
    ROUTE,
    Document,
    Stage,
    alert_row,
    batch,
    change,
    fired_alerts,
    keys_of,
    stage,
    store_alerts,
    stored_alerts,
    told_of,
    watching,
)
from tests.integration.conftest import Probe

__all__ = ["stage"]


@pytest.mark.parametrize(
    ("price", "previous", "fires"),
    [
        (9_000, 12_000, True),
        (10_000, 10_001, True),
        (10_001, 12_000, False),
        (9_000, 10_000, False),
        (9_000, 9_500, False),
        (9_000, None, True),
        (12_000, 9_000, False),
    ],
)
async def test_an_alert_fires_when_a_fare_falls_through_its_armed_price(
    stage: Stage, price: int, previous: int | None, *, fires: bool
) -> None:
    """price <= armed price < previous price, here with an armed price of 10,000."""
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    assert await stage.match(change(price, previous)) == Done()
    assert await fired_alerts(stage.engines) == ({armed: (1, price * 98 // 100)} if fires else {})
    assert [notice.alert_id for notice in stage.told] == [armed] * fires


@pytest.mark.parametrize("state", ["paused", "fired", "expired"])
async def test_an_alert_that_is_not_active_is_not_claimed(stage: Stage, state: str) -> None:
    await store_alerts(stage.engines, alert_row(state=state))
    assert await stage.match(change(9_000, 12_000)) == Done()
    assert stage.told == []


@pytest.mark.parametrize(("previous", "queue"), [(12_000, NOTIFICATIONS_STANDARD), (13_000, NOTIFICATIONS_URGENT)])
async def test_a_notification_tells_what_fired_and_arrives_in_the_queue_of_its_lane(
    shard_engines: list[AsyncEngine],
    boards: BoardStore,
    broker: Broker,
    probe: Probe,
    previous: int,
    queue: WorkQueue,
) -> None:
    stage = Stage(shard_engines, boards, broker=broker)  # type: ignore[arg-type]  # the real one
    (armed,) = await store_alerts(shard_engines, alert_row(10_000, revision=7))
    await stage.match(change(9_000, previous))
    message = await probe.next(queue.name)
    (notification,) = notifications.decode(message.body, message.content_type).notices
    assert isinstance(notification, Notification)
    assert notification.id == notification_id(armed, 7, 1, *told_of(notification))
    assert (message.headers["cycle"], message.headers["route"]) == ("c1", ROUTE)
    assert (notification.revision, notification.fire_seq, notification.route) == (7, 1, ROUTE)
    assert (notification.fare.price, notification.previous_price) == (9_000, previous)
    assert (notification.reference_price, notification.armed_price) == (9_000, 10_000)


async def test_a_claim_is_written_into_its_alert(stage: Stage) -> None:
    (armed,) = await store_alerts(stage.engines, alert_row(10_000, check_at=None))
    fallen = change(9_000, 12_000)
    await stage.match(fallen)
    row = await stage.alert(armed)
    assert (row.state, row.fire_seq, row.armed_price, row.initial_price) == ("active", 1, 8_820, 10_000)
    assert (row.last_price, row.last_fare) == (9_000, f"JFK-LHR:{DAY}:BA117@:economy:0:EUR")
    assert (row.last_fired_at, row.updated_at, row.check_at) == (NOW, NOW, NOW + CHECK_AFTER)
    assert {"watched_board": row.watched_board, "watched_fare": row.watched_fare} == watching(fallen)


async def test_a_once_is_done_when_it_has_fired(stage: Stage) -> None:
    (armed,) = await store_alerts(stage.engines, alert_row(rearm="once"))
    await stage.match(change(9_000, 12_000))
    await stage.match(change(5_000, 9_000))
    row = await stage.alert(armed)
    assert (row.state, row.fire_seq, row.watched_board, row.last_price) == ("fired", 1, None, 9_000)
    assert stage.prices_told == [9_000]


async def test_a_new_low_watches_no_fare(stage: Stage) -> None:
    (armed,) = await store_alerts(stage.engines, alert_row(rule="new_low"))
    await stage.match(change(9_000, 12_000))
    assert ((await stage.alert(armed)).armed_price, (await stage.alert(armed)).watched_board) == (8_820, None)


async def test_an_alert_without_a_baseline_learns_it_from_the_cheapest_first_sight_and_tells_nobody(
    stage: Stage,
) -> None:
    drop, low = await store_alerts(
        stage.engines,
        alert_row(UNSET, rule="drop", percent=10, check_at=None),
        alert_row(UNSET, rule="new_low", percent=None, check_at=None),
    )
    await stage.match(change(1_000, 2_000, flight_number="1"))  # seen before: it says nothing of a baseline
    assert {row.armed_price for row in (await stored_alerts(stage.engines)).values()} == {UNSET}

    await stage.match(change(9_999, None), change(9_005, None, flight_number="2"), change(1, 2_000, flight_number="3"))

    rows = await stored_alerts(stage.engines)
    assert [(rows[each].initial_price, rows[each].armed_price) for each in (drop, low)] == [(8_104,) * 2, (8_824,) * 2]
    assert {(row.fire_seq, row.last_price, row.check_at) for row in rows.values()} == {(0, None, NOW + CHECK_AFTER)}
    assert stage.told == []
    await stage.match(change(8_104, 9_005, flight_number="2"))
    assert sorted(notice.alert_id for notice in stage.told) == sorted([drop, low])


async def test_a_repeated_batch_claims_nothing_more_and_a_deeper_low_does(stage: Stage) -> None:
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    for _ in range(3):
        assert await stage.match(change(9_000, 12_000)) == Done()
    assert await fired_alerts(stage.engines) == {armed: (1, 8_820)}
    await stage.match(change(8_821, 9_000))
    await stage.match(change(8_820, 8_821))
    assert await fired_alerts(stage.engines) == {armed: (2, 8_643)}
    assert stage.prices_told == [9_000, 8_820]


async def test_ten_falls_of_less_than_the_smallest_improvement_are_told_of_every_other_time(stage: Stage) -> None:
    """Each fall of 1.9 % alone is below the 2 %: two together are not."""
    prices = [10_000]
    while len(prices) <= 10:
        prices.append(prices[-1] * 981 // 1_000)
    (armed,) = await store_alerts(stage.engines, alert_row(prices[0]))
    await stage.match(change(prices[0], 12_000))
    for before, price in pairwise(prices):
        await stage.match(change(price, before))
    assert stage.prices_told == prices[::2]
    assert (await stage.alert(armed)).fire_seq == 6


async def test_cent_noise_and_rises_are_told_to_nobody(stage: Stage) -> None:
    await store_alerts(stage.engines, alert_row(10_000))
    moves = [12_000, 9_900, 9_899, 9_900, 9_898, 11_000, 9_800, 9_703, 9_750, 9_703]
    for before, price in pairwise(moves):
        await stage.match(change(price, before))
    assert stage.prices_told == [9_900]
    await stage.match(change(9_702, 9_703))
    assert stage.prices_told == [9_900, 9_702]


async def test_the_cheapest_change_fires_and_of_two_as_cheap_the_lower_fare_key(stage: Stage) -> None:
    await store_alerts(stage.engines, alert_row(10_000))
    flights = [("300", 9_000), ("200", 8_000), ("100", 8_000), ("400", 8_500)]
    await stage.match(*(change(price, 12_000, flight_number=flight) for flight, price in flights))
    (notice,) = stage.told
    assert isinstance(notice, Notification)
    assert notice.fare.flight_number == "100"


async def test_whoever_watches_a_fare_that_changes_is_evaluated_once_its_board_shows_it(stage: Stage) -> None:
    seen, other = change(9_500, 9_000), change(9_500, 9_000, flight_number="118")
    watched: Document = {"armed_price": 8_820, "initial_price": 10_000, "fire_seq": 1}
    watcher, _, _ = await store_alerts(
        stage.engines,
        alert_row(**watched, **watching(seen), state="active"),
        alert_row(**watched, **watching(other), state="active"),
        alert_row(**watched, **watching(seen), state="paused"),
    )
    await stage.match(seen, change(20_000, 30_000, departure_date=DAY + timedelta(days=1)))
    board, fare_key = keys_of(seen)
    after = Sighting(board=board, fare=fare_key, observed_at=NOW)
    assert stage.asked == [Evaluation(alert_id=watcher, route=ROUTE, after=after)]
    assert stage.told == []


async def test_a_watched_fare_that_fires_its_alert_once_more_has_it_not_evaluated(stage: Stage) -> None:
    seen = change(8_800, 9_000)
    row = alert_row(armed_price=8_820, initial_price=10_000, fire_seq=1, **watching(seen))
    await store_alerts(stage.engines, row)
    await stage.match(seen)
    assert (stage.prices_told, stage.asked) == ([8_800], [])


async def test_days_are_those_of_the_flight(stage: Stage) -> None:
    tomorrow: date = DAY + timedelta(days=1)
    await store_alerts(stage.engines, alert_row(departure_from=tomorrow, departure_to=tomorrow))
    assert await stage.changes([batch(CHANGES, change(9_000, 12_000))]) == [Done()]
    assert stage.told == []
