"""From what became of the pushes to what becomes of their notification."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.notifier.gateway import Outcome, Verdict


class State(StrEnum):
    """The states of a notification in the accounts database."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"  # withheld: it no longer holds


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A notification's state, and why it was not sent."""

    state: State
    reason: str = ""


def conclude(outcomes: Sequence[Outcome]) -> Conclusion:
    """Conclude from the outcomes of one notification's pushes, one per device.

    As long as one device may still be reached the notification stays queued and is repeated as a whole: a
    device that has it gets it again, as a twin that replaces the first. Else one device that got it is
    enough.
    """
    if not outcomes:
        return Conclusion(State.FAILED, "no_device")
    for open_end in (Verdict.REFUSED, Verdict.TRANSIENT):
        for outcome in outcomes:
            if outcome.verdict is open_end:
                return Conclusion(State.QUEUED, outcome.reason)
    if any(outcome.verdict is Verdict.SENT for outcome in outcomes):
        return Conclusion(State.SENT)
    return Conclusion(State.FAILED, outcomes[0].reason)
