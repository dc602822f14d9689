"""What becomes of a notification after its pushes."""

import pytest

from services.notifier.conclusion import Conclusion, State, conclude
from services.notifier.gateway import Outcome, Verdict

SENT = Outcome(Verdict.SENT)
DEAD = Outcome(Verdict.RETIRE, "unregistered")
BUG = Outcome(Verdict.FAILED, "invalid_argument")
BUSY = Outcome(Verdict.TRANSIENT, "quota_exceeded")
REFUSED = Outcome(Verdict.REFUSED, "unauthenticated")


@pytest.mark.parametrize(
    ("outcomes", "conclusion"),
    [
        ([], Conclusion(State.FAILED, "no_device")),
        ([SENT], Conclusion(State.SENT)),
        ([DEAD, SENT, BUG], Conclusion(State.SENT)),
        ([DEAD], Conclusion(State.FAILED, "unregistered")),
        ([BUG, DEAD], Conclusion(State.FAILED, "invalid_argument")),
        ([SENT, BUSY], Conclusion(State.QUEUED, "quota_exceeded")),
        ([DEAD, BUSY], Conclusion(State.QUEUED, "quota_exceeded")),
        ([BUSY, REFUSED, SENT], Conclusion(State.QUEUED, "unauthenticated")),
    ],
)
def test_it_is_sent_by_one_device_and_stays_queued_while_one_may_still_be_reached(
    outcomes: list[Outcome], conclusion: Conclusion
) -> None:
    assert conclusion == conclude(outcomes)
