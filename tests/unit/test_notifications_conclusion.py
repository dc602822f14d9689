"""What becomes of a notification after its pushes."""

import pytest

from services.notifier.gateway import Outcome, Verdict
from services.notifier.states import State
from services.notifier.telling.conclusion import Conclusion, Next, conclude

SENT = Outcome(Verdict.SENT)
DEAD = Outcome(Verdict.RETIRE, "unregistered")
BUG = Outcome(Verdict.FAILED, "invalid_argument")
BUSY = Outcome(Verdict.TRANSIENT, "quota_exceeded", 60)
BUSIER = Outcome(Verdict.TRANSIENT, "quota_exceeded", 90)
UNKNOWN = Outcome(Verdict.TRANSIENT, "outcome_unknown")
REFUSED = Outcome(Verdict.REFUSED, "unauthenticated")
AWAY = Outcome(Verdict.UNTRIED, "circuit_open")
HELD = Outcome(Verdict.UNTRIED, "third_party_auth", 60)


def queued(reason: str, following: Next, retry_after: float | None = None) -> Conclusion:
    return Conclusion(State.QUEUED, reason, following, retry_after)


@pytest.mark.parametrize(
    ("outcomes", "conclusion"),
    [
        ([], Conclusion(State.FAILED, "no_device")),
        ([SENT], Conclusion(State.SENT)),
        ([DEAD, SENT, BUG], Conclusion(State.SENT)),
        ([DEAD], Conclusion(State.FAILED, "unregistered")),
        ([DEAD, BUG], Conclusion(State.FAILED, "invalid_argument", Next.BURY)),
        ([SENT, BUSY], queued("quota_exceeded", Next.RETRY, 60)),
        ([DEAD, UNKNOWN], queued("outcome_unknown", Next.RETRY)),
        ([UNKNOWN, BUSIER, BUSY], queued("outcome_unknown", Next.RETRY, 90)),
        ([REFUSED, BUSY, SENT], queued("quota_exceeded", Next.RETRY, 60)),
        ([SENT, REFUSED], queued("unauthenticated", Next.STOP)),
        ([HELD, AWAY], queued("circuit_open", Next.STOP)),
        ([SENT, HELD], queued("third_party_auth", Next.WAIT, 60)),
        ([HELD, BUSIER], queued("quota_exceeded", Next.RETRY, 90)),
    ],
)
def test_it_is_sent_by_one_device_and_stays_queued_while_one_may_still_be_reached(
    outcomes: list[Outcome], conclusion: Conclusion
) -> None:
    assert conclusion == conclude(outcomes, reached=False)


@pytest.mark.parametrize("outcomes", [[], [DEAD], [BUG], [BUG, DEAD]])
def test_what_a_device_has_from_an_earlier_try_is_sent_whatever_becomes_of_the_others(outcomes: list[Outcome]) -> None:
    assert conclude(outcomes, reached=True) == Conclusion(State.SENT)


def test_a_device_that_may_still_be_reached_is_tried_again_though_another_has_it() -> None:
    assert conclude([BUSY], reached=True) == queued("quota_exceeded", Next.RETRY, 60)
