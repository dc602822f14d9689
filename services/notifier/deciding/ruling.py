"""From what is known of notifications to what becomes of them before anything is sent. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from services.notifier.deciding import policy
from services.notifier.deciding.policy import Decision, Hold, Rules, Send, Suppress, Waiting
from services.notifier.gateway import Device
from services.notifier.states import UNREACHABLE, Record, State
from services.notifier.vetting.revocation import UNSEEN
from shared.deliveries import Wait
from shared.messages.notifications import Notice
from shared.topology import Lane

# Another notifier has it in hand, which is seldom long.
ELSEWHERE_S: Final = 5.0
IN_HAND_ELSEWHERE: Final = "in_hand_elsewhere"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a notification is from now on, why, and when it is decided on again if it is held."""

    state: State
    reason: str = ""
    release_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Traveller:
    """Where a traveller is reached, the device last seen first, and what is known of them."""

    devices: Sequence[Device]
    standing: policy.Standing


# By id; None is in hand elsewhere.
Standing: TypeAlias = Mapping[UUID, Record | None]


def to_decide(notices: Iterable[Notice], standing: Standing, lane: Lane, now: datetime) -> list[Notice]:
    """Return those that are to be decided on: new ones, those whose time has come, and what a crash has left."""
    return [notice for notice in notices if notice.id not in standing or _is_open(standing[notice.id], lane, now)]


def to_wait(standing: Standing, now: datetime) -> dict[UUID, Wait]:
    """Return which of them have to come again, and when."""
    waiting = {id_: _wait(record, now) for id_, record in standing.items()}
    return {id_: wait for id_, wait in waiting.items() if wait}


def unseen(ids: Iterable[UUID], standing: Standing, rulings: Mapping[UUID, Ruling]) -> list[UUID]:
    """Return those of which nobody is told, now or earlier, though their alerts count as having fired."""
    outcomes = ((id_, rulings.get(id_) or standing.get(id_)) for id_ in ids)
    return [id_ for id_, one in outcomes if one and one.state is State.DROPPED and one.reason in UNSEEN]


def rule(
    notices: Sequence[Notice],
    standing: Standing,
    withheld: Mapping[UUID, Ruling],
    travellers: Mapping[UUID, Traveller],
    lane: Lane,
    rules: Rules,
    now: datetime,
) -> dict[UUID, Ruling]:
    """Rule on notices that are to be decided on.

    Args:
        notices: at least one.
        standing: the rows that there are.
        withheld: what becomes of those that are not to be sent, whatever their travellers wish.
        travellers: all those of the notices.
        lane: a digest is made in its own.
        rules: for every traveller.
        now: in UTC.
    """
    rulings = {notice.id: withheld[notice.id] for notice in notices if notice.id in withheld}
    by_traveller: dict[UUID, list[Notice]] = {}
    for notice in notices:
        if notice.id not in rulings:
            by_traveller.setdefault(notice.user_id, []).append(notice)
    for user, theirs in by_traveller.items():
        rulings |= _of_one(theirs, travellers[user], lane, rules, now)
    return {id_: _unless_told(ruling, standing.get(id_)) for id_, ruling in rulings.items()}


def _is_open(record: Record | None, lane: Lane, now: datetime) -> bool:
    if record is None or (_is_of_a_digest(record) and lane is not Lane.DIGEST):
        return False
    match record.state:
        case State.QUEUED:
            return record.retry_at is None or record.retry_at <= now
        case State.HELD:
            return record.release_at is None or record.release_at <= now
        case State.SENDING:
            return True
        case State.FAILED:  # it lay among the dead letters
            return record.reason not in UNREACHABLE
        case _:
            return False


def _is_of_a_digest(record: Record) -> bool:
    """Tell whether it waits for a digest; a late copy of its first message must not hold it for the next one."""
    return record.state in {State.HELD, State.QUEUED} and record.reason == Waiting.DIGEST


def _wait(record: Record | None, now: datetime) -> Wait | None:
    if record is None:
        return Wait(IN_HAND_ELSEWHERE, ELSEWHERE_S)
    if record.state is State.QUEUED and record.retry_at and record.retry_at > now:
        return Wait(record.reason, (record.retry_at - now).total_seconds())
    return None


def _of_one(
    notices: Sequence[Notice], traveller: Traveller, lane: Lane, rules: Rules, now: datetime
) -> dict[UUID, Ruling]:
    if not traveller.devices:
        return {notice.id: Ruling(State.FAILED, "no_device") for notice in notices}
    decide = policy.decide_digest if lane is Lane.DIGEST else policy.decide
    return {id_: _ruling(decision) for id_, decision in decide(notices, traveller.standing, rules, now).items()}


def _ruling(decision: Decision) -> Ruling:
    match decision:
        case Send():
            return Ruling(State.SENDING)
        case Hold(until, reason):
            return Ruling(State.HELD, reason.value, until)
        case Suppress(reason):
            return Ruling(State.SUPPRESSED, reason.value)


def _unless_told(ruling: Ruling, record: Record | None) -> Ruling:
    """Let one that a device of theirs has be sent, since that is what it is for its traveller."""
    stays_open = ruling.state in {State.SENDING, State.QUEUED}
    return Ruling(State.SENT) if record and record.reached and not stays_open else ruling
