"""What must hold of fleet and model once nothing is left to do, however it came about."""

from collections import Counter
from datetime import datetime, timedelta

from services.notifier.digest import Digest
from tests.integration.alert_model import Alert, is_settled, recovers
from tests.integration.board_model import Fare, Row
from tests.integration.message_meanings import content_of, key_of
from tests.integration.side_by_side import SideBySide

AFTER_CHECK = timedelta(seconds=61)
# A run in which alerts go on and on asking for another evaluation is a failure too.
MOST_ROUNDS = 60


async def settle(both: SideBySide) -> None:
    """Let everything take its course until nothing is left to do, and look at what has come of it."""
    await both.let_go()
    for _ in range(MOST_ROUNDS):
        await both.deliver_all()
        await both.same_alerts()
        both.tick(AFTER_CHECK)
        if not await both.sweep() and not both.queued:
            break
    else:
        raise AssertionError("it never comes to rest")
    await _check_settled(both)


async def _check_settled(both: SideBySide) -> None:
    await _check_told(both)
    checks = {both.names[row.id]: row.check_at for row in await both.fleet.rows()}
    available = both.boards.available(both.now)
    for name, alert in both.alerts.alerts.items():
        if alert.wish.target is not None:
            assert alert.initial == both.alerts.start(alert.wish), f"{name} has another target than was asked"
        assert alert.armed <= alert.initial, f"{name} fires above its price"
        if alert.state != "active":
            continue
        best = both.alerts.best(alert.wish, available)
        if best and best[0] <= alert.armed:
            assert _before_rates(both, both.boards.fell_at[best[1]]), f"{name} is deaf to {best}"
        if recovers(alert.wish) and alert.armed < alert.initial and best and best[0] > alert.initial:
            assert _waits(both, alert, available, checks[name]), f"{name} is not armed again though {best} is best"


def _waits(both: SideBySide, alert: Alert, available: dict[Fare, Row], check_at: datetime | None) -> bool:
    """Whether it is right that an alert has not recovered: the daily check of what it watches is still to come.

    Or rates alone have lifted that, or the boards show it as it was before.
    """
    if alert.watched is None:
        return False
    fare = alert.watched.fare
    if fare not in available:
        return check_at is not None and check_at <= both.now + timedelta(days=1)
    return not is_settled(alert, available, both.now) or _before_rates(both, both.boards.changed_at[fare])


def _before_rates(both: SideBySide, at: datetime) -> bool:
    """Whether rates have moved since: they alone may have brought it about."""
    return both.loaded_at is not None and at <= both.loaded_at


async def _check_told(both: SideBySide) -> None:
    """Every firing that was claimed was recorded, and pushed once, or again only after a crash."""
    told = await both.fleet.told()
    found = {key_of(both.notifier.content_of(content_of(row))): (row.state, row.reason) for row in told.values()}
    expected = {key: (record.state, record.reason) for key, record in both.notifier.records.items()}
    differences = {key: (found.get(key), expected.get(key)) for key in found.keys() | expected.keys()}
    assert found == expected, {key: pair for key, pair in differences.items() if pair[0] != pair[1]}
    notices = [push.told for push in both.fleet.phones.pushes if not isinstance(push.told, Digest)]
    pushed = Counter(key_of(both.notifier.content_of(notice)) for notice in notices)
    assert pushed == Counter({key: record.pushed for key, record in both.notifier.records.items() if record.pushed})
    assert both.claims <= both.notifier.records.keys(), "what was claimed is not told"
