"""From what became of a notification's pushes to what is written of it, and when it comes again. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.notifier.gateway import Outcome, Verdict
from services.notifier.states import Record, State
from services.notifier.telling.conclusion import Conclusion, Next, conclude
from services.notifier.telling.retrying import next_try
from shared.deliveries import DeadLetter, Unfinished, Wait


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What follows from a try.

    Attributes:
        record: the notification as it stands from now on.
        unfinished: how it comes again, None if it does not or if it stays in hand.
        stopped: why nothing more can be sent now.
    """

    record: Record
    unfinished: Unfinished | None = None
    stopped: str | None = None


def aftermath(record: Record, outcomes: Mapping[UUID, Outcome], now: datetime, jitter: float) -> Aftermath:
    """Conclude a try to send one notification.

    Args:
        record: as it stood before.
        outcomes: by device, of those that did not have it.
        now: in UTC, after the try.
        jitter: from 0 to 1, see `next_try`.
    """
    conclusion = conclude(list(outcomes.values()), reached=bool(record.reached))
    reached = {device for device, outcome in outcomes.items() if outcome.verdict is Verdict.SENT}
    tried = any(outcome.verdict is not Verdict.UNTRIED for outcome in outcomes.values())
    record = replace(
        record,
        state=conclusion.state,
        reason=conclusion.reason,
        first_tried_at=record.first_tried_at or (now if tried else None),
        retry_at=None,
        reached=record.reached | reached,
    )
    match conclusion.next:
        case Next.NOTHING:
            return Aftermath(record)
        case Next.STOP:
            return Aftermath(record, stopped=conclusion.reason)
        case Next.BURY:
            return Aftermath(record, DeadLetter(conclusion.reason))
        case Next.WAIT:
            return _waiting(record, now + timedelta(seconds=conclusion.retry_after or 0), now)
        case Next.RETRY:
            return _retried(record, conclusion, now, jitter)


def _retried(record: Record, conclusion: Conclusion, now: datetime, jitter: float) -> Aftermath:
    record = replace(record, tries=record.tries + 1)
    first = record.first_tried_at or now
    retry_at = next_try(record.tries, first, now, retry_after=conclusion.retry_after, jitter=jitter)
    return _waiting(record, retry_at, now) if retry_at else _given_up(record)


def _waiting(record: Record, retry_at: datetime, now: datetime) -> Aftermath:
    return Aftermath(replace(record, retry_at=retry_at), Wait(record.reason, (retry_at - now).total_seconds()))


def _given_up(record: Record) -> Aftermath:
    """Leave it at the devices that have it, or to a person if there are none."""
    if record.reached:
        return Aftermath(replace(record, state=State.SENT, reason=""))
    return Aftermath(replace(record, state=State.FAILED), DeadLetter(record.reason))
