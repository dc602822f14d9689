"""The policy in plain words: what becomes of each of a traveller's notices, without the instants.

It shares no code with what it checks.
"""

from collections.abc import Sequence
from datetime import datetime, time
from uuid import UUID

from services.notifier.deciding.policy import Rules, Standing
from shared.messages.notifications import Expiry, Notice, Notification


def fates(
    notices: Sequence[Notice], standing: Standing, rules: Rules, now: datetime, *, digest: bool
) -> dict[UUID, str]:
    """What becomes of the notices, told one by one or together in a digest; by id."""
    fresh = [one for one in notices if not _is_old(one, standing)]
    fates = {one.id: "superseded" for one in notices if one not in fresh}
    told = 0
    for turn in _in_one(fresh) if digest else _one_by_one(fresh):
        fate = _waits(turn, standing, rules, now, digest=digest) or _is_too_much(standing, rules, told) or "sent"
        told += fate == "sent"
        fates |= {one.id: fate for one in turn}
        if not digest and fate in {"sent", "hourly_cap", "daily_cap"}:
            fates |= {one.id: "superseded" for one in turn[1:]}
    return fates


def _is_old(notice: Notice, standing: Standing) -> bool:
    told = standing.last_told.get(notice.alert_id)
    if isinstance(notice, Expiry) or told is None or notice.revision > told.revision:
        return False
    return notice.revision < told.revision or notice.fire_seq < told.fire_seq


def _in_one(notices: Sequence[Notice]) -> list[list[Notice]]:
    together: list[Notice] = [one for one in notices if isinstance(one, Notification)]
    alone: list[list[Notice]] = [[one] for one in notices if isinstance(one, Expiry)]
    return [together, *alone] if together else alone


def _one_by_one(notices: Sequence[Notice]) -> list[list[Notice]]:
    """The firings of each alert, the best first, and those of the deepest fall before others; then the ends."""
    turns: list[list[Notice]] = []
    firings = [one for one in notices if isinstance(one, Notification)]
    for alert_id in dict.fromkeys(one.alert_id for one in firings):
        of_alert = [one for one in firings if one.alert_id == alert_id]
        latest_first = sorted(of_alert, key=lambda one: (one.revision, one.fire_seq), reverse=True)
        turns.append([*sorted(latest_first, key=lambda one: one.reference_price)])
    turns.sort(key=lambda turn: -_fall(turn[0]))
    return turns + [[one] for one in notices if isinstance(one, Expiry)]


def _fall(notice: Notice) -> int:
    assert isinstance(notice, Notification)
    if notice.previous_price is None:
        return 0
    return max(0, (notice.previous_price - notice.fare.price) * 100 // notice.previous_price)


def _waits(turn: Sequence[Notice], standing: Standing, rules: Rules, now: datetime, *, digest: bool) -> str | None:
    wishes, lead = standing.wishes, turn[0]
    fired = isinstance(lead, Notification)
    if fired and not digest and wishes.digest_at is not None:
        return "digest"
    considered = turn if digest else turn[:1]
    wakes = wishes.pass_when_exceptional and any(
        isinstance(one, Notification) and _fall(one) >= 30 for one in considered
    )
    if wishes.quiet_hours and _lies_in(now.astimezone(wishes.zone).time(), *wishes.quiet_hours) and not wakes:
        return "digest" if fired and digest else "quiet_hours"
    told = standing.last_told.get(lead.alert_id)
    return "cooldown" if fired and not digest and told and now - told.at < rules.cooldown else None


def _is_too_much(standing: Standing, rules: Rules, told: int) -> str | None:
    if not rules.caps:
        return None
    if standing.in_last_hour + told + 1 > standing.wishes.most_per_hour:
        return "hourly_cap"
    return "daily_cap" if standing.in_last_day + told + 1 > standing.wishes.most_per_day else None


def _lies_in(at: time, start: time, end: time) -> bool:
    return start <= at < end if start < end else not end <= at < start
