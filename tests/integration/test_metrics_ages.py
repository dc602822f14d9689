"""How old the prices are that a notifier has in work: those that it tells of now."""

from datetime import time, timedelta

import msgspec
import pytest
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.deliveries import Done
from shared.messages.notifications import encode
from shared.price_ages import prices_in_work
from shared.topology import NOTIFICATIONS_STANDARD
from tests.integration.notifying import (
    FARE,
    NOW,
    Clock,
    Gatekeeper,
    Notifier,
    accounts,
    delivery,
    expired,
    fired,
    row,
    traveller,
)

__all__ = ["accounts"]

QUIET = {"quiet_from": time(22), "quiet_to": time(7)}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of ages and of notifiers; nothing is in work."""
    clock, prices = Clock(NOW), prices_in_work(NOTIFICATIONS_STANDARD)
    monkeypatch.setattr(prices, "_oldest", {})
    monkeypatch.setattr(prices, "_clock", lambda: clock().timestamp())
    return clock


def oldest() -> float | None:
    """The age in seconds that metrics tell for the standard lane."""
    return REGISTRY.get_sample_value("farelark_oldest_price_age_seconds", {"queue": NOTIFICATIONS_STANDARD.name})


async def test_the_oldest_fare_of_a_message_that_is_told_counts(accounts: AsyncEngine, clock: Clock) -> None:
    user = await traveller(accounts, "phone")
    older = msgspec.structs.replace(FARE, observed_at=NOW - timedelta(seconds=40))
    message = delivery(encode([fired(user), fired(user, fare=older), expired(user)]))
    assert await Notifier(accounts, Gatekeeper(), clock).handler().handle([message]) == [Done()]
    assert oldest() == 40


async def test_what_has_waited_for_its_hour_is_not_old_news(accounts: AsyncEngine, clock: Clock) -> None:
    notice = fired(await traveller(accounts, "phone", wishes=QUIET))
    gateway = Gatekeeper()
    notifier = Notifier(accounts, gateway, clock)
    message = delivery(encode([notice]))
    assert await notifier.handler().handle([message]) == [Done()]
    clock.now = (await row(accounts, notice)).release_at
    assert await notifier.handler().handle([message]) == [Done()]
    assert gateway.told == [notice.id]
    assert oldest() == 0
