"""How the fare of a firing compares with what its trip has cost lately. Pure."""

from dataclasses import dataclass
from typing import Final

from babel import Locale

from services.notifier.rendering.figures import money, number
from services.notifier.rendering.phrases import phrases_in
from shared.messages.notifications import Notification
from shared.money import Rates, UnknownCurrencyError, converted
from shared.price_history.percentiles import TypicalPrice

# What is known of fewer days is no habit.
_FEWEST_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Lowest:
    """No lower price is known of this many days."""

    days: int


@dataclass(frozen=True, slots=True)
class Usual:
    """What the trip usually costs, in minor units of the fare's currency."""

    price: int
    currency: str


Perspective = Lowest | Usual


def perspective(firing: Notification, recent: TypicalPrice, rates: Rates) -> Perspective | None:
    """What is worth saying of a fare beside its price; None of one that is dearer than usual, or little known.

    Args:
        firing: its own price may be among the recent ones already.
        recent: what the trip has cost lately, in the reference currency.
        rates: by which that is told in the fare's currency.
    """
    price = firing.reference_price
    if recent.days < _FEWEST_DAYS or price > recent.typical:
        return None
    if price <= recent.lowest:
        return Lowest(recent.days)
    try:
        numerator, denominator = rates.factor_of(firing.fare.currency)
    except UnknownCurrencyError:
        return None
    return Usual(converted(recent.typical, (denominator, numerator)), firing.fare.currency)


def comparison(perspective: Perspective, locale: Locale) -> str:
    """The sentence that says it."""
    phrases = phrases_in(locale.language)
    if isinstance(perspective, Lowest):
        return phrases.gettext("The lowest price in {count} days.").format(count=number(perspective.days, locale))
    usual = money(perspective.price, perspective.currency, locale)
    return phrases.gettext("Usually {price}.").format(price=usual)
