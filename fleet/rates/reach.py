"""How far rates can have lifted an armed price against a fare since it was set. Pure.

A fare was above an armed price when that was set, or the alert would have fired. Rates that lift the alert's
currency, or press the fare's, can bring it below without a fall. The next fall must find the alert all the same:
the match looks so far above the fare's previous price.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Final

from shared.money import Rates

# Instants come from several clocks.
_LEEWAY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rates, and when they came into use."""

    rates: Rates
    loaded_at: datetime


def lift(before: Rates, now: Rates, currencies: Collection[str]) -> Fraction:
    """How far a move of rates lifts an armed price in any of these currencies against a fare in any currency.

    A currency that one of the snapshots lacks is left out: no alert and no fare was in it then.
    """
    moves = {
        currency: Fraction(*now.factors[currency]) / Fraction(*before.factors[currency])
        for currency in now.factors.keys() & before.factors.keys()
    }
    return max((moves[currency] for currency in moves.keys() & currencies), default=Fraction(1)) / min(moves.values())


def reach(snapshots: Sequence[Snapshot], set_since: Mapping[str, datetime]) -> float:
    """How far rates can have lifted armed prices up to the last snapshot.

    Args:
        snapshots: all that were in use, in order.
        set_since: for each currency of active alerts an instant since when their armed prices were set.

    Returns:
        1 if not at all; rounded up, for a match that looks too far finds nothing wrong.
    """
    now = snapshots[-1].rates
    lifts = [Fraction(1)]
    for snapshot, successor in pairwise(snapshots):
        affected = {currency for currency, since in set_since.items() if since - _LEEWAY <= successor.loaded_at}
        if affected:
            lifts.append(lift(snapshot.rates, now, affected))
    exact = max(lifts)
    return 1.0 if exact == 1 else math.nextafter(float(exact), math.inf)
