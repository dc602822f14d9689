"""From what became of the pushes to what becomes of their notification. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from services.notifier.gateway import Outcome, Verdict
from services.notifier.states import State


class Next(Enum):
    """What is to be done about it from here on."""

    NOTHING = "nothing"
    RETRY = "retry"  # it failed, and may work later
    WAIT = "wait"  # it was not tried: no try is lost
    STOP = "stop"  # nor will any other be sent now: keep the batch in hand
    BURY = "bury"  # by a fault of ours: a person has to look at it


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A notification's state, why it was not sent, and what comes next.

    Attributes:
        retry_after: the seconds that the gateway asks to wait, where it is to be tried again.
    """

    state: State
    reason: str = ""
    next: Next = Next.NOTHING
    retry_after: float | None = None


def conclude(outcomes: Sequence[Outcome], *, reached: bool) -> Conclusion:
    """Conclude from the outcomes of one notification's pushes, one per device that did not have it yet.

    As long as one device may still be reached it stays queued for that device. Else one device that has it is enough.

    Args:
        outcomes: of this try.
        reached: whether an earlier try has reached a device.
    """
    for stays_queued in (_to_retry, _to_stop, _to_wait):
        if conclusion := stays_queued(outcomes):
            return conclusion
    if reached or any(outcome.verdict is Verdict.SENT for outcome in outcomes):
        return Conclusion(State.SENT)
    for outcome in outcomes:
        if outcome.verdict is Verdict.FAILED:
            return Conclusion(State.FAILED, outcome.reason, Next.BURY)
    return Conclusion(State.FAILED, outcomes[0].reason if outcomes else "no_device")


def _to_retry(outcomes: Sequence[Outcome]) -> Conclusion | None:
    return _queued(Next.RETRY, [outcome for outcome in outcomes if outcome.verdict is Verdict.TRANSIENT])


def _to_stop(outcomes: Sequence[Outcome]) -> Conclusion | None:
    return _queued(Next.STOP, [outcome for outcome in outcomes if _stops_us(outcome)])


def _to_wait(outcomes: Sequence[Outcome]) -> Conclusion | None:
    return _queued(Next.WAIT, [outcome for outcome in outcomes if outcome.verdict is Verdict.UNTRIED])


def _stops_us(outcome: Outcome) -> bool:
    away = outcome.verdict is Verdict.UNTRIED and outcome.retry_after is None
    return away or outcome.verdict is Verdict.REFUSED


def _queued(following: Next, outcomes: Sequence[Outcome]) -> Conclusion | None:
    if not outcomes:
        return None
    return Conclusion(State.QUEUED, outcomes[0].reason, following, _longest(one.retry_after for one in outcomes))


def _longest(waits: Iterable[float | None]) -> float | None:
    return max((wait for wait in waits if wait is not None), default=None)
