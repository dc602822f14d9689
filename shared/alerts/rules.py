"""The rules that alerts follow, each come down to one number: the armed price. Pure.

All prices are in minor units of the reference currency.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, assert_never

DEFAULT_IMPROVEMENT: Final = 2
# Longer than a change can be published and not yet stand on its board, in a price worker that lives: whoever
# changes an alert has it evaluated once more after this time.
CHECK_AFTER: Final = timedelta(seconds=60)
# The armed price of an alert without a baseline: above every price, so that only a fare that was never seen
# before, and came from above all prices, reaches it.
UNSET: Final = 2**63 - 1

Kind = Literal["target", "drop", "new_low"]
Rearm = Literal["once", "recovery"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What an alert waits for.

    Attributes:
        kind: at or below a price, a percentage below what it was, or a new low.
        percent: of `drop`, 1 to 99.
        improvement: the smallest fall in percent that is worth telling of again, 1 to 99.
        rearm: whether it is done once it has fired, or fires again.
    """

    kind: Kind
    percent: int | None = None
    improvement: int = DEFAULT_IMPROVEMENT
    rearm: Rearm = "recovery"

    @property
    def recovers(self) -> bool:
        """Whether it returns to its initial price once fares are above that again."""
        return self.kind != "new_low" and self.rearm == "recovery"

    def next_price(self, price: int) -> int:
        """The armed price once this price has fired it, or has become its baseline."""
        match self.kind:
            case "target" | "new_low":
                return _below(price, self.improvement)
            case "drop":
                assert self.percent is not None
                return _below(price, self.percent)
            case _:
                assert_never(self.kind)


def _below(price: int, percent: int) -> int:
    return price * (100 - percent) // 100
