"""What alert workers do without being told: evaluations whose time has come, and alerts that are over."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alert_worker.sweep import AT_ONCE, on_every_shard
from shared.alerts.available_fares import AvailableFares
from shared.alerts.best_fare import Keys
from shared.alerts.rules import CHECK_AFTER
from shared.errors import UnavailableError
from shared.fare_boards.layout import Boards
from shared.fare_boards.store import BoardStore
from shared.messages.notifications import Expiry, expiry_id
from shared.periodic import running
from shared.shards import Shards
from tests.integration.alert_rows import (
    DAY,
    LIFETIME,
    NOW,
    ROUTE,
    SHARD_MAP,
    Document,
    Stage,
    alert_row,
    fare,
    keys_of,
    stage,
    store_alerts,
    stored_alerts,
    watching,
)
from tests.integration.crashing import CrashError, Crashing

__all__ = ["stage"]

HOME = SHARD_MAP.shard_of(ROUTE)


async def test_while_changes_come_in_alerts_wait_to_be_looked_at_but_not_for_ever(stage: Stage) -> None:
    await stage.see(fare(9_000))
    (due,) = await store_alerts(stage.engines, alert_row(10_000, check_at=NOW))
    stage.busy = True
    assert await stage.once_more(timedelta(minutes=10) - timedelta(seconds=1)) == 0
    assert await stage.once_more(timedelta(seconds=1)) == 1
    assert [notice.alert_id for notice in stage.told] == [due]
    stage.busy = False
    assert await stage.once_more(CHECK_AFTER) == 1, "its claim, at once"


async def test_only_alerts_whose_time_has_come_are_evaluated_and_only_once(stage: Stage) -> None:
    await stage.see(fare(9_000))
    due, later, never = await store_alerts(
        stage.engines,
        alert_row(10_000, check_at=NOW + CHECK_AFTER),
        alert_row(10_000, check_at=NOW + CHECK_AFTER + timedelta(seconds=1)),
        alert_row(10_000, check_at=None),
    )
    assert await stage.once_more(timedelta(seconds=59)) == 0
    assert await stage.once_more(timedelta(seconds=1)) == 1
    assert [notice.alert_id for notice in stage.told] == [due]
    assert (await stage.alert(due)).check_at == NOW + 2 * CHECK_AFTER, "a claim is looked at once more"
    assert await stage.once_more(timedelta(seconds=1)) == 1
    assert [notice.alert_id for notice in stage.told] == [due, later]
    assert await stage.once_more() == 2
    assert await stage.once_more() == 0
    rows = await stored_alerts(stage.engines)
    tomorrow = stage.now - CHECK_AFTER + timedelta(days=1)
    assert [rows[each].check_at for each in (due, later, never)] == [tomorrow, tomorrow, None], "a fare is watched"
    assert rows[never].fire_seq == 0


async def test_an_alert_whose_watched_fare_is_gone_recovers_within_a_day(stage: Stage) -> None:
    """It has departed, or no source confirms it any more: no change tells of it."""
    await stage.see(fare(12_000, flight_number="118"))
    (armed,) = await store_alerts(
        stage.engines, alert_row(armed_price=8_820, initial_price=10_000, fire_seq=1, **watching(fare(0)))
    )
    assert await stage.once_more() == 1
    row = await stage.alert(armed)
    assert (row.armed_price, row.watched_board) == (10_000, None)


async def test_what_is_cheap_enough_by_rates_alone_is_told_only_to_those_who_have_just_written(stage: Stage) -> None:
    """No fall was matched, and a day after the last write no change can be on its way any more."""
    await stage.see(fare(9_000))
    long_since: Document = {"updated_at": NOW - timedelta(days=1), "check_at": NOW}
    await store_alerts(stage.engines, alert_row(10_000, **long_since))
    assert await stage.once_more() == 1
    assert stage.told == []


async def test_an_alert_with_nothing_to_tell_is_looked_at_and_left(stage: Stage) -> None:
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    before = await stage.alert(armed)
    assert await stage.once_more() == 1
    after = await stage.alert(armed)
    assert after.check_at is None
    assert {**after._mapping, "check_at": before.check_at} == dict(before._mapping)


@pytest.mark.parametrize("point", ["evaluated", "notifications_confirmed", "evaluations_committed"])
async def test_a_sweep_that_is_repeated_after_a_crash_claims_once(stage: Stage, point: str) -> None:
    await stage.see(fare(9_000))
    (armed,) = await store_alerts(stage.engines, alert_row(10_000))
    crashing = Stage(stage.engines, stage.boards, Crashing(f"alert_worker.{point}"), stage.broker)
    with pytest.raises(CrashError):
        await crashing.once_more()
    await stage.once_more()
    assert (await stage.alert(armed)).fire_seq == 1
    assert len({notice.id for notice in stage.told}) == 1


class CountedBoards(BoardStore):
    """Keeps which boards were asked for."""

    def __init__(self, boards: BoardStore) -> None:  # no connection of its own
        self._boards = boards
        self.asked: list[str] = []

    async def read(self, keys: Sequence[str]) -> Boards:
        self.asked += keys
        return await self._boards.read(keys)


@pytest.mark.parametrize(
    ("watched", "boards_read"),
    [(9_000, 1), (10_000, 1), (10_001, 55), (8_820, 55), (None, 55)],
)
async def test_once_a_day_an_alert_whose_watched_fare_says_enough_costs_one_board(
    stage: Stage, watched: int | None, boards_read: int
) -> None:
    """Armed at 8,820 after 9,000 and at first at 10,000: in between there is nothing to be done."""
    if watched:
        await stage.see(fare(watched))
    window: Document = {"departure_from": DAY, "departure_to": DAY + timedelta(days=2)}
    daily: Document = {"updated_at": NOW - timedelta(days=1), "check_at": NOW}
    await store_alerts(
        stage.engines,
        alert_row(armed_price=8_820, initial_price=10_000, fire_seq=1, **watching(fare(0)), **window, **daily),
    )
    counted = CountedBoards(stage.boards)
    sweeping = Stage(stage.engines, counted, broker=stage.broker)
    assert await sweeping.once_more() == 1
    assert len(counted.asked) == boards_read
    assert stage.told == []


async def test_workers_side_by_side_share_the_alerts_that_are_due(stage: Stage) -> None:
    await stage.see(fare(9_000))
    armed = await store_alerts(stage.engines, *(alert_row(10_000) for _ in range(300)))
    workers = [Stage(stage.engines, stage.boards, broker=stage.broker, now=NOW + CHECK_AFTER) for _ in range(3)]
    turns = [worker.evaluator.once_more(HOME, 60) for worker in workers * 2]
    shares = await asyncio.gather(*turns)
    assert sum(shares) == 300
    assert Counter(notice.alert_id for notice in stage.told) == Counter(armed)


async def test_an_alert_that_somebody_else_holds_is_left_to_them(stage: Stage) -> None:
    await store_alerts(stage.engines, alert_row(10_000))
    async with stage.engines[HOME].begin() as editor:
        await editor.execute(text("SELECT * FROM alerts FOR UPDATE"))
        assert await stage.once_more() == 0
    assert await stage.once_more() == 1


TODAY = datetime(2027, 3, 10, tzinfo=UTC)  # a date ends at noon of the next day in UTC


@pytest.mark.parametrize(
    ("now", "ends"),
    [(TODAY + timedelta(hours=35, minutes=59), False), (TODAY + timedelta(hours=36), True)],
)
async def test_an_alert_ends_when_its_last_day_is_over_everywhere(stage: Stage, now: datetime, *, ends: bool) -> None:
    stage.now = now
    (armed,) = await store_alerts(
        stage.engines, alert_row(departure_from=TODAY.date() - timedelta(days=5), departure_to=TODAY.date(), revision=2)
    )
    assert await stage.expiry.expire(HOME, 10) == ends
    row = await stage.alert(armed)
    assert row.state == ("expired" if ends else "active")
    assert (
        stage.told
        == [
            Expiry(
                id=expiry_id(armed, 2),
                alert_id=armed,
                user_id=row.user_id,
                revision=2,
                expired_at=now,
                route=ROUTE,
                departure_from=row.departure_from,
                departure_to=row.departure_to,
            )
        ]
        * ends
    )


async def test_each_user_is_told_once_that_an_active_alert_has_ended(stage: Stage) -> None:
    stage.now = datetime.combine(DAY, datetime.min.time(), UTC) + timedelta(days=3)
    states = ["active", "paused", "fired", "expired"]
    active, *_ = ids = await store_alerts(
        stage.engines, *(alert_row(state=state, **watching(fare(0))) for state in states)
    )
    assert await stage.expiry.expire(HOME, 10) == 2
    assert await stage.expiry.expire(HOME, 10) == 0
    assert [notice.alert_id for notice in stage.told] == [active]
    rows = await stored_alerts(stage.engines)
    assert [rows[each].state for each in ids] == ["expired", "expired", "fired", "expired"]
    assert [(rows[each].check_at, rows[each].watched_board) for each in ids[:2]] == [(None, None)] * 2


async def test_an_expiry_that_is_repeated_after_a_crash_has_the_id_that_it_had(stage: Stage) -> None:
    stage.now = datetime.combine(DAY, datetime.min.time(), UTC) + timedelta(days=3)
    (armed,) = await store_alerts(stage.engines, alert_row())
    crashing = Stage(
        stage.engines, stage.boards, Crashing("alert_worker.expiries_confirmed"), stage.broker, now=stage.now
    )
    with pytest.raises(CrashError):
        await crashing.expiry.expire(HOME, 10)
    assert (await stage.alert(armed)).state == "active"
    assert await stage.expiry.expire(HOME, 10) == 1
    assert [notice.id for notice in stage.told] == [expiry_id(armed, 0)] * 2


async def test_nobody_is_claimed_for_an_alert_that_has_ended_in_the_meantime(stage: Stage) -> None:
    yesterday = NOW.date() - timedelta(days=3)
    (armed,) = await store_alerts(stage.engines, alert_row(departure_from=yesterday, departure_to=yesterday))
    await stage.evaluate_alert(armed)
    assert stage.told == []


class Sweeping:
    """A sweep that does as a test says, shard by shard, and ends the test once all is done."""

    def __init__(self, *outcomes: int | Exception) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[int] = []
        self.done = asyncio.Event()

    async def __call__(self, shard: int, most: int) -> int:
        assert most == AT_ONCE
        self.asked.append(shard)
        outcome = self.outcomes.pop(0)
        if not self.outcomes:
            self.done.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def test_a_shard_that_is_away_is_swept_again_in_the_next_round(shard_engines: list[AsyncEngine]) -> None:
    sweep = Sweeping(AT_ONCE, UnavailableError("shard0"), AT_ONCE, AT_ONCE, 3, 0)
    async with asyncio.timeout(10), running(on_every_shard("test", Shards(shard_engines[:1]), sweep, 0.01)):
        await sweep.done.wait()
    assert sweep.asked == [0] * 6


async def test_a_sweep_goes_on_only_while_there_is_as_much_as_it_can_take(shard_engines: list[AsyncEngine]) -> None:
    """Then it waits for the next round: it never spins."""
    sweep = Sweeping(AT_ONCE, AT_ONCE, AT_ONCE - 1)
    async with asyncio.timeout(10), running(on_every_shard("test", Shards(shard_engines[:1]), sweep, 3_600)):
        await sweep.done.wait()
        for _ in range(20):
            await asyncio.sleep(0)
    assert sweep.asked == [0] * 3, "a fourth call would have had no outcome left"


async def test_boards_by_the_thousand_are_read_in_several_calls(stage: Stage) -> None:
    """Of ever higher keys: what comes back is in the order of the boards."""
    days = [DAY + timedelta(days=ahead) for ahead in range(0, 120, 30)]
    await stage.see(*(fare(9_000 + number, departure_date=day) for number, day in enumerate(days)))
    available = AvailableFares(stage.boards, LIFETIME, lambda: NOW)
    async with stage.shards.transaction(HOME, ()) as transaction:
        amounts = transaction.rates.amounts
    first, *_ = (keys_of(fare(0, departure_date=day))[0] for day in days)
    span = _keys_from(first, 120)
    known = await available.on(span, amounts)
    assert known.reference.tolist() == [9_000, 9_001, 9_002, 9_003]
    assert known.board.tolist() == sorted(known.board.tolist())


def _keys_from(first: int, days: int) -> Keys:
    """The boards of so many days, one way and with ten dates of return each, in order."""
    returns = (0, *range(20_700, 20_710))
    return np.array([first + (ahead << 16) + back for ahead in range(days) for back in returns], dtype=np.uint64)
