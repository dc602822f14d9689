"""When a traveller is told what, and what is kept back. Pure.

Decided for all that is there to tell one traveller at once, since what is told counts against what follows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from services.notifier.deciding.spreading import spread
from services.notifier.deciding.wall_clock import is_within, next_at, quiet_until
from services.notifier.digest import by_alert
from shared.messages.notifications import Expiry, Notice, Notification


class Waiting(StrEnum):
    """Why a notification is held."""

    QUIET_HOURS = "quiet_hours"
    DIGEST = "digest"
    COOLDOWN = "cooldown"


class Suppression(StrEnum):
    """Why a notification is never sent although it is true."""

    HOURLY_CAP = "hourly_cap"
    DAILY_CAP = "daily_cap"
    SUPERSEDED = "superseded"  # a later one of its alert tells more


class QuietHours(NamedTuple):
    """When a traveller is not to be woken, by the wall clock: from the first to just before the second."""

    from_: time
    to: time


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a traveller wants to be told."""

    zone: ZoneInfo
    quiet_hours: QuietHours | None = None
    pass_when_exceptional: bool = False
    digest_at: time | None = None
    most_per_hour: int = 6
    most_per_day: int = 20


@dataclass(frozen=True, slots=True)
class Told:
    """The last push of an alert: when it left, and which firing it told of."""

    at: datetime
    revision: int
    fire_seq: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a traveller: pushes that have left or are leaving, a digest counting as one.

    The notices that are decided on have no part in it.
    """

    wishes: Wishes
    in_last_hour: int = 0
    in_last_day: int = 0
    last_told: Mapping[UUID, Told] = field(default_factory=dict)  # by alert


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every traveller.

    Attributes:
        cooldown: the least time between two pushes of one alert.
        caps: whether the travellers' caps hold; off only where months are replayed in minutes.
    """

    cooldown: timedelta
    caps: bool = True


@dataclass(frozen=True, slots=True)
class Send:
    """Tell it now."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Decide again at that instant, in UTC."""

    until: datetime
    reason: Waiting


@dataclass(frozen=True, slots=True)
class Suppress:
    """Do not tell it."""

    reason: Suppression


Decision: TypeAlias = Send | Hold | Suppress


def decide(notices: Sequence[Notice], standing: Standing, rules: Rules, now: datetime) -> dict[UUID, Decision]:
    """Decide on each of a traveller's notices that still hold, to be told one by one; by id.

    The first rule that applies: told already, its digest, quiet hours, its alert's cooldown, the caps. Of several
    firings of one alert the cheapest is told for all; while it is held they are too, should it be gone by then.
    """
    decisions = _told_already(notices, standing)
    for best, others in _deepest_first([notice for notice in notices if notice.id not in decisions]):
        decision = _wait(best, standing, rules, now) or _cap(standing, rules) or Send()
        if isinstance(decision, Send):
            standing = _one_more_told(standing)
        rest = decision if isinstance(decision, Hold) else Suppress(Suppression.SUPERSEDED)
        decisions |= {other.id: rest for other in others}
        decisions[best.id] = decision
    return decisions


def decide_digest(notices: Sequence[Notice], standing: Standing, rules: Rules, now: datetime) -> dict[UUID, Decision]:
    """Decide on a traveller's notices whose hour has come, to be told in one push; by id.

    The end of an alert, which is never held for a digest, is told by itself.
    """
    decisions = _told_already(notices, standing)
    firings = [one for one in notices if isinstance(one, Notification) and one.id not in decisions]
    if firings:
        wait = _quiet(firings, standing.wishes, Waiting.DIGEST, now)
        decision = wait or _cap(standing, rules) or Send()
        decisions |= {firing.id: decision for firing in firings}
        standing = _one_more_told(standing) if isinstance(decision, Send) else standing
    return decisions | decide([one for one in notices if isinstance(one, Expiry)], standing, rules, now)


def _told_already(notices: Sequence[Notice], standing: Standing) -> dict[UUID, Decision]:
    """Suppress the firings that a push of their alert has overtaken."""
    firings = (one for one in notices if isinstance(one, Notification))
    overtaken = (one for one in firings if _is_overtaken(one, standing.last_told.get(one.alert_id)))
    return {one.id: Suppress(Suppression.SUPERSEDED) for one in overtaken}


def _is_overtaken(firing: Notification, told: Told | None) -> bool:
    """After a crash another firing may have the number of the one that was told: it has not been told itself."""
    return told is not None and (firing.revision, firing.fire_seq) < (told.revision, told.fire_seq)


def _deepest_first(notices: Sequence[Notice]) -> list[tuple[Notice, Sequence[Notice]]]:
    """Pair what can be told of each alert with what it is told for; where a cap lets few through, they are the best."""
    firings = by_alert(one for one in notices if isinstance(one, Notification))
    firings.sort(key=lambda of_alert: of_alert[0].fall_percent, reverse=True)
    expiries = (one for one in notices if isinstance(one, Expiry))
    return [(best, others) for best, *others in firings] + [(one, ()) for one in expiries]


def _wait(notice: Notice, standing: Standing, rules: Rules, now: datetime) -> Hold | None:
    quiet = _quiet([notice], standing.wishes, Waiting.QUIET_HOURS, now)
    if isinstance(notice, Expiry):
        return quiet
    return _next_digest(notice, standing.wishes, now) or quiet or _cooldown(notice, standing, rules, now)


def _next_digest(firing: Notification, wishes: Wishes, now: datetime) -> Hold | None:
    at, quiet = wishes.digest_at, wishes.quiet_hours
    if at is None:
        return None
    if quiet and is_within(at, quiet):
        at = quiet.to
    instant = next_at(now, wishes.zone, at)
    return _released(_quiet_until(instant, wishes) or instant, Waiting.DIGEST, firing.user_id, wishes)


def _quiet(notices: Sequence[Notice], wishes: Wishes, reason: Waiting, now: datetime) -> Hold | None:
    """Wait for the end of quiet hours, unless the traveller lets one of these pass, and with it the others."""
    exceptional = any(isinstance(one, Notification) and one.is_exceptional for one in notices)
    end = None if exceptional and wishes.pass_when_exceptional else _quiet_until(now, wishes)
    return _released(end, reason, notices[0].user_id, wishes) if end else None


def _released(instant: datetime, reason: Waiting, user_id: UUID, wishes: Wishes) -> Hold:
    """Hold until some minutes after an instant, but not until it is quiet again."""
    later = spread(instant, user_id)
    return Hold(instant if _quiet_until(later, wishes) else later, reason)


def _quiet_until(instant: datetime, wishes: Wishes) -> datetime | None:
    return quiet_until(instant, wishes.zone, wishes.quiet_hours) if wishes.quiet_hours else None


def _cooldown(firing: Notification, standing: Standing, rules: Rules, now: datetime) -> Hold | None:
    told = standing.last_told.get(firing.alert_id)
    if told is None or told.at + rules.cooldown <= now:
        return None
    return Hold(told.at + rules.cooldown, Waiting.COOLDOWN)


def _cap(standing: Standing, rules: Rules) -> Suppress | None:
    if rules.caps and standing.in_last_hour >= standing.wishes.most_per_hour:
        return Suppress(Suppression.HOURLY_CAP)
    if rules.caps and standing.in_last_day >= standing.wishes.most_per_day:
        return Suppress(Suppression.DAILY_CAP)
    return None


def _one_more_told(standing: Standing) -> Standing:
    return replace(standing, in_last_hour=standing.in_last_hour + 1, in_last_day=standing.in_last_day + 1)
