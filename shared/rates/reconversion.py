"""What an alert's prices become when it is brought from one snapshot of rates to another. Pure."""

from typing import NamedTuple

from shared.alerts.rules import UNSET
from shared.money import Factor, converted


class ArmedPrices(NamedTuple):
    """The two reference amounts that an alert is armed with."""

    initial: int
    armed: int


def reconverted(prices: ArmedPrices, target: int | None, before: Factor, after: Factor) -> ArmedPrices:
    """The same prices at other rates.

    Args:
        prices: at the old rates; what is unset stays so.
        target: of the rule `target`, in the alert's own currency: the initial price is converted anew from it, so
            that no rounding adds up. Other rules have none.
        before: of the alert's own currency, at the old rates.
        after: the same at the new ones.
    """
    ratio = (after[0] * before[1], after[1] * before[0])
    initial = _at(prices.initial, ratio) if target is None else converted(target, after)
    return ArmedPrices(initial, initial if prices.armed == prices.initial else _at(prices.armed, ratio))


def _at(price: int, ratio: Factor) -> int:
    return price if price == UNSET else converted(price, ratio)
