"""Evaluations of alerts whose firing nobody was told of: it is undone, and what is there now is told."""

from typing import Any

import msgspec
import pytest

from shared.deliveries import Done
from shared.messages.evaluations import Evaluation, Unseen
from shared.messages.notifications import Notice, Notification, notification_id
from tests.integration.alert_rows import (
    DAY,
    ROUTE,
    Document,
    Stage,
    alert_row,
    seen,
    stage,
    store_alerts,
    told_of,
)

__all__ = ["stage"]

FLIGHT_117 = f"JFK-LHR:{DAY}:BA117@:economy:0:EUR"
FLIGHT_118 = f"JFK-LHR:{DAY}:BA118@:economy:0:EUR"
UNSEEN = Unseen(revision=2, fire_seq=3, fare=FLIGHT_117, reference_price=8_164, armed_price=9_800)


def undoing(notice: Notice) -> Evaluation:
    """Nobody was told of it."""
    assert isinstance(notice, Notification)
    unseen = Unseen(
        revision=notice.revision,
        fire_seq=notice.fire_seq,
        fare=notice.fare_key,
        reference_price=notice.reference_price,
        armed_price=notice.armed_price,
    )
    return Evaluation(alert_id=notice.alert_id, route=ROUTE, unseen=unseen)


def fired_row(**more: object) -> Document:
    """An alert with two edits whose third firing was by flight 117."""
    fired = {"armed_price": 8_000, "revision": 2, "fire_seq": 3, "last_fare": FLIGHT_117, "last_price": 8_164}
    return alert_row(10_000) | fired | more


@pytest.mark.parametrize(
    ("row", "after"),
    [
        ({"state": "active"}, ("active", 9_800)),
        ({"state": "fired", "rearm": "once"}, ("active", 9_800)),
        ({"state": "paused"}, ("paused", 9_800)),
        ({"state": "expired"}, ("expired", 9_800)),
        ({"revision": 1}, ("active", 8_000)),
        ({"fire_seq": 4}, ("active", 8_000)),
        ({"fire_seq": 2}, ("active", 8_000)),
        ({"last_fare": FLIGHT_118}, ("active", 8_000)),
        ({"last_price": 8_163}, ("active", 8_000)),
        ({"armed_price": 10_000}, ("active", 10_000)),
    ],
)
async def test_a_firing_that_nobody_was_told_of_is_undone_unless_the_alert_has_gone_on(
    stage: Stage, row: dict[str, Any], after: tuple[str, int]
) -> None:
    (armed,) = await store_alerts(stage.engines, fired_row(**row))
    assert await stage.evaluate(Evaluation(alert_id=armed, route=ROUTE, unseen=UNSEEN)) == Done()
    found = await stage.alert(armed)
    assert (found.state, found.armed_price) == after
    assert stage.told == []


@pytest.mark.parametrize("places", [(0, 1), (1, 0)])
async def test_of_firings_with_one_number_in_one_command_the_one_that_was_not_rolled_back_is_undone(
    stage: Stage, places: tuple[int, int]
) -> None:
    (armed,) = await store_alerts(stage.engines, fired_row())
    rolled_back = msgspec.structs.replace(UNSEEN, fare=FLIGHT_118, armed_price=10_000)
    firings = [(UNSEEN, rolled_back)[place] for place in places]
    await stage.evaluate(*(Evaluation(alert_id=armed, route=ROUTE, unseen=firing) for firing in firings))
    assert (await stage.alert(armed)).armed_price == 9_800


@pytest.mark.parametrize("rearm", ["once", "recovery"])
async def test_after_an_unseen_firing_the_user_hears_of_what_is_there_now(stage: Stage, rearm: str) -> None:
    """80 was gone before it was told: 90 is told, at the armed price from before."""
    (armed,) = await store_alerts(stage.engines, alert_row(10_000, rearm=rearm))
    await stage.see_and_match(seen(12_000, minutes=50))
    await stage.see_and_match(seen(8_000, minutes=40))
    await stage.see(seen(9_000, minutes=30))
    (first,) = stage.told
    for _ in range(2):
        assert await stage.evaluate(undoing(first)) == Done()
    _, second = stage.told
    assert isinstance(second, Notification)
    ids = [notification_id(armed, 0, number, *told_of(notice)) for number, notice in enumerate(stage.told, start=1)]
    assert [notice.id for notice in stage.told] == ids
    assert (second.reference_price, second.armed_price) == (9_000, 10_000), "so that it can be undone in its turn"
    await stage.see(seen(9_500, minutes=20))
    assert await stage.evaluate(undoing(second)) == Done()
    assert stage.prices_told == [8_000, 9_000, 9_500]
