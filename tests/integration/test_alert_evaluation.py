"""Evaluations on real shards and boards: what was cheap already, what has risen again, what boards show late."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis

from shared.alerts.rules import CHECK_AFTER, UNSET
from shared.deliveries import Done, Park
from shared.messages import evaluations
from shared.messages.evaluations import Evaluation, Sighting
from shared.messages.notifications import Notification, notification_id
from tests.integration.alert_rows import (
    DAY,
    LIFETIME,
    NOW,
    ROUTE,
    Stage,
    alert_row,
    change,
    fare,
    keys_of,
    seen,
    stage,
    store_alerts,
    told_of,
    watching,
)

__all__ = ["stage"]

FLIGHT_118 = f"JFK-LHR:{DAY}:BA118@:economy:0:EUR"


async def test_what_was_cheap_already_is_told_of_at_once(stage: Stage) -> None:
    await stage.see(fare(9_000), fare(8_000, flight_number="118"), fare(100, departure_date=DAY + timedelta(days=1)))
    (armed,) = await store_alerts(stage.engines, alert_row(10_000, revision=3))

    await stage.evaluate_alert(armed)

    (notice,) = stage.told
    assert isinstance(notice, Notification)
    assert notice.id == notification_id(armed, 3, 1, *told_of(notice))
    assert (notice.fare.flight_number, notice.fare.price, notice.fare.observed_at) == ("118", 8_000, NOW)
    assert (notice.previous_price, notice.fare.source) == (None, None), "boards do not know them"
    assert (notice.reference_price, notice.armed_price, notice.fired_at) == (8_000, 10_000, NOW)
    row = await stage.alert(armed)
    assert (row.fire_seq, row.armed_price, row.last_price) == (1, 7_840, 8_000)
    assert (row.last_fare, row.check_at) == (FLIGHT_118, NOW + CHECK_AFTER)


async def test_a_fare_that_no_source_has_confirmed_lately_does_not_count(stage: Stage) -> None:
    await stage.see(fare(9_000), fare(9_500, flight_number="118"))
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    stage.now += LIFETIME + timedelta(minutes=1)
    await stage.evaluate_alert(armed)
    assert stage.told == []
    await stage.see(fare(9_500, flight_number="118", observed_at=stage.now))
    await stage.evaluate_alert(armed)
    assert stage.prices_told == [9_500]


@pytest.mark.parametrize(("rule", "percent", "armed"), [("drop", 10, 8_100), ("new_low", None, 8_820)])
async def test_an_alert_without_a_baseline_learns_it_from_the_boards_and_tells_nobody(
    stage: Stage, rule: str, percent: int | None, armed: int
) -> None:
    (learning,) = await store_alerts(stage.engines, alert_row(UNSET, rule=rule, percent=percent, check_at=None))
    await stage.evaluate_alert(learning)
    assert (await stage.alert(learning)).armed_price == UNSET, "there is no fare yet"
    await stage.see(fare(9_500), fare(9_000, flight_number="118"))
    for _ in range(2):
        await stage.evaluate_alert(learning)
    row = await stage.alert(learning)
    assert (row.initial_price, row.armed_price, row.fire_seq, row.check_at) == (armed, armed, 0, NOW + CHECK_AFTER)
    assert stage.told == []


async def test_an_alert_that_has_fired_fires_again_once_its_fare_has_risen(stage: Stage) -> None:
    """Target, recovery: 95, up to 110, down to 99."""
    await store_alerts(stage.engines, alert_row(10_000))
    await stage.see_and_match(seen(12_000, minutes=50))
    await stage.see_and_match(seen(9_500, minutes=40))
    await stage.see_and_match(seen(11_000, minutes=30))
    await stage.see_and_match(seen(9_900, minutes=20))
    assert stage.prices_told == [9_500, 9_900]


@pytest.mark.parametrize("rule", [{"rule": "new_low"}, {"rearm": "once"}])
async def test_a_new_low_and_a_once_do_not_return(stage: Stage, rule: dict[str, str]) -> None:
    await store_alerts(stage.engines, alert_row(10_000, **rule))
    for minutes, price in ((50, 12_000), (40, 9_500), (30, 11_000), (20, 9_900)):
        await stage.see_and_match(seen(price, minutes=minutes))
    assert stage.prices_told == [9_500]


async def test_a_rise_to_the_initial_price_is_no_recovery(stage: Stage) -> None:
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    for minutes, price in ((50, 12_000), (40, 9_500), (30, 10_000), (20, 9_900)):
        await stage.see_and_match(seen(price, minutes=minutes))
    assert stage.prices_told == [9_500]
    assert (await stage.alert(armed)).armed_price == 9_310


async def test_an_alert_returns_when_the_last_fare_below_its_initial_price_has_risen(stage: Stage) -> None:
    other = {"flight_number": "118"}
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    await stage.see_and_match(seen(12_000, minutes=50), seen(12_000, minutes=50, **other))
    await stage.see_and_match(seen(9_000, minutes=45))
    await stage.see_and_match(seen(9_700, minutes=40, **other))

    await stage.see_and_match(seen(11_000, minutes=35))
    row = await stage.alert(armed)
    assert row.armed_price == 8_820, "the other fare still stands below the initial price"
    assert {"watched_board": row.watched_board, "watched_fare": row.watched_fare} == watching(fare(0, **other))

    await stage.see_and_match(seen(10_001, minutes=30, **other))
    row = await stage.alert(armed)
    assert (row.armed_price, row.watched_board, row.watched_fare) == (10_000, None, None)
    assert row.check_at == NOW + CHECK_AFTER
    assert stage.prices_told == [9_000]


async def test_a_fare_that_rises_while_the_watch_moves_to_it_is_not_missed(stage: Stage) -> None:
    """Its rise is matched before anybody watches it, and stands on its board only after the evaluation."""
    other = {"flight_number": "118"}
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    await stage.see_and_match(seen(12_000, minutes=50), seen(9_700, minutes=50, **other))
    await stage.see_and_match(seen(9_000, minutes=45))
    await stage.once_more()
    await stage.see_and_match(seen(11_000, minutes=40))
    row = await stage.alert(armed)
    assert {"watched_board": row.watched_board, "watched_fare": row.watched_fare} == watching(fare(0, **other))

    await stage.see(seen(11_000, minutes=30, **other))
    assert await stage.once_more() == 1

    assert (await stage.alert(armed)).armed_price == 10_000


async def test_an_evaluation_after_a_sighting_waits_until_the_board_shows_it(stage: Stage) -> None:
    risen = change(11_000, 9_000)
    await stage.see(seen(9_000, minutes=10))
    (armed,) = await store_alerts(
        stage.engines, alert_row(armed_price=8_820, initial_price=10_000, fire_seq=1, **watching(risen))
    )
    await stage.match(risen)
    (wanted,) = stage.asked

    settlement = await stage.evaluate(wanted)
    assert settlement == Park("board_behind", evaluations.encode([wanted]), evaluations.JSON)
    assert (await stage.alert(armed)).armed_price == 8_820

    await stage.see(fare(11_000))
    assert await stage.evaluate(wanted, attempt=1) == Done()
    assert (await stage.alert(armed)).armed_price == 10_000


async def test_a_board_that_never_catches_up_is_taken_as_it_is_at_the_next_try(stage: Stage) -> None:
    await stage.see(seen(12_000, minutes=10))
    board, fare_key = keys_of(fare(0))
    lowered = alert_row(armed_price=8_820, initial_price=10_000, fire_seq=1, **watching(fare(0)))
    (armed,) = await store_alerts(stage.engines, lowered)
    wanted = Evaluation(alert_id=armed, route=ROUTE, after=Sighting(board=board, fare=fare_key, observed_at=NOW))
    assert await stage.evaluate(wanted) == Park("board_behind", evaluations.encode([wanted]), evaluations.JSON)
    assert await stage.evaluate(wanted, attempt=1) == Done()
    assert (await stage.alert(armed)).armed_price == 10_000


async def test_only_what_waits_for_its_board_is_left_of_a_command(stage: Stage) -> None:
    await stage.see(seen(9_000, minutes=10))
    board, fare_key = keys_of(fare(0))
    waiting, ready = await store_alerts(stage.engines, alert_row(10_000), alert_row(10_000))
    sighting = Sighting(board=board, fare=fare_key, observed_at=NOW)
    behind = Evaluation(alert_id=waiting, route=ROUTE, after=sighting)
    settlement = await stage.evaluate(behind, Evaluation(alert_id=ready, route=ROUTE))
    assert settlement == Park("board_behind", evaluations.encode([behind]), evaluations.JSON)
    assert [notice.alert_id for notice in stage.told] == [ready]


async def test_boards_that_are_lost_re_arm_nothing_and_cause_no_storm(stage: Stage, redis: Redis) -> None:
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    await stage.see_and_match(seen(12_000, minutes=50))
    await stage.see_and_match(seen(9_000, minutes=40))
    await redis.flushall()

    await stage.evaluate_alert(armed)
    await stage.once_more()
    assert (await stage.alert(armed)).armed_price == 8_820
    await stage.see_and_match(seen(9_000, minutes=30), seen(9_900, minutes=30, flight_number="118"))
    await stage.once_more()

    assert stage.prices_told == [9_000]


async def test_of_changes_in_reverse_order_the_deeper_low_is_told_when_evaluated_once_more(stage: Stage) -> None:
    (armed,) = await store_alerts(stage.engines, alert_row(9_500))
    await stage.see(seen(10_000, minutes=30))
    (first,) = await stage.see(seen(9_000, minutes=20))
    (second,) = await stage.see(seen(8_000, minutes=10))
    await stage.match(second)
    assert stage.prices_told == [], "it came from below the armed price"
    await stage.match(first)
    assert stage.prices_told == [9_000]
    assert await stage.once_more() == 1
    assert stage.prices_told == [9_000, 8_000]
    assert (await stage.alert(armed)).fire_seq == 2


@pytest.mark.parametrize("state", ["paused", "fired", "expired"])
async def test_an_alert_that_is_not_active_is_left_alone(stage: Stage, state: str) -> None:
    await stage.see(fare(9_000))
    (armed,) = await store_alerts(stage.engines, alert_row(10_000, state=state))
    before = await stage.alert(armed)
    await stage.evaluate_alert(armed)
    assert (await stage.alert(armed), stage.told) == (before, [])
