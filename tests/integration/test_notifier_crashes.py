"""A notifier that dies between any two steps loses nothing, and repeats no push but one in flight."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.deliveries import Done
from shared.topology import Lane
from tests.integration.crashing import CrashError, Crashing
from tests.integration.notifying import (
    SENT,
    Gatekeeper,
    Notifier,
    accounts,
    fired,
    handle_messages,
    recorded,
    traveller,
)

__all__ = ["accounts"]


@pytest.mark.parametrize("lane", Lane)
@pytest.mark.parametrize(
    ("failpoint", "left", "pushes"),
    [("notifier.recorded", "sending", 1), ("notifier.sent", "sending", 2), ("notifier.marked", "sent", 1)],
)
async def test_the_next_one_goes_on_where_the_dead_one_stopped(
    accounts: AsyncEngine, lane: Lane, failpoint: str, left: str, pushes: int
) -> None:
    gateway = Gatekeeper()
    user = await traveller(accounts, "phone")
    notices = [fired(user) for _ in range(2)]
    with pytest.raises(CrashError):
        await handle_messages(Notifier(accounts, gateway, failpoints=Crashing(failpoint)).handler(lane), notices)
    assert await recorded(accounts, *notices) == [(left, None)] * 2
    assert await handle_messages(Notifier(accounts, gateway).handler(lane), notices) == [Done()]
    assert await recorded(accounts, *notices) == [("sent", None)] * 2
    once = [push.told for push in gateway.pushes[: len(gateway.pushes) // pushes]]
    assert [push.told for push in gateway.pushes] == once * pushes
    assert len(once) == (1 if lane is Lane.DIGEST else 2)


async def test_a_notifier_that_was_overtaken_before_it_sent_does_not_send(accounts: AsyncEngine) -> None:
    """The broker gave the batch to another one, for it took this one's link for dead."""
    slow, quick = Gatekeeper(), Gatekeeper()
    notice = fired(await traveller(accounts, "phone"))
    sleeper = Notifier(accounts, slow)
    recorded_by_sleeper = await sleeper.recorder.record(Lane.STANDARD, {notice.id: notice}, {})
    assert await handle_messages(Notifier(accounts, quick).handler(), [notice]) == [Done()]
    assert list(await sleeper.sender.send(Lane.STANDARD, recorded_by_sleeper)) == [notice.id]
    assert (len(quick.pushes), len(slow.pushes)) == (1, 0)


async def test_of_two_that_decide_at_once_the_later_sends(accounts: AsyncEngine) -> None:
    first, second = Gatekeeper(SENT), Gatekeeper(SENT)
    notice = fired(await traveller(accounts, "phone"))
    earlier, later = Notifier(accounts, first), Notifier(accounts, second)
    decided = [await one.recorder.record(Lane.STANDARD, {notice.id: notice}, {}) for one in (earlier, later)]
    assert list(await earlier.sender.send(Lane.STANDARD, decided[0])) == [notice.id]
    assert await later.sender.send(Lane.STANDARD, decided[1]) == {}
    assert (len(first.pushes), len(second.pushes)) == (0, 1)
