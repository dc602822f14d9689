"""Which changes of a shard's part fell, and what filters ask of them. Pure."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from shared.alerts.rules import UNSET
from shared.changes_by_shard import NEVER_SEEN, Part
from shared.conversion import ReferenceAmounts
from shared.messages.codes import carrier_of
from shared.messages.fare_key import currency_of, split_fares

Ints = npt.NDArray[np.int64]

_HIGHEST_REACHED: Final = 2.0**62  # above every price; more would not fit the column, or be `UNSET`


@dataclass(frozen=True, slots=True)
class Falls:
    """Changes that fell, or were never seen before, as columns of n; prices in the reference currency.

    Attributes:
        position: which row of the part.
        price: at today's rates.
        ceiling: the highest armed price that the fare came from above of; `UNSET` if it was never seen.
    """

    position: Ints
    price: Ints
    ceiling: Ints


def falls_of(part: Part, amounts: ReferenceAmounts, reach: float) -> Falls:
    """What fell, at these rates.

    Only a lower quoted price is a fall: where rates alone make a fare cheaper nobody is told.

    Args:
        part: the changes.
        amounts: of the shard's rates; a price without a rate there keeps that of its observation.
        reach: how far rates can have lifted an armed price, 1 or more: so far above its previous price a
            fare may meet an alert that no fall has crossed.
    """
    never_seen = part.previous == NEVER_SEEN
    falling = np.flatnonzero((part.price < part.previous) | never_seen)
    currency = currency_of(part.fare[falling])
    known = amounts.known(currency)
    price = np.where(known, amounts.of(part.price[falling], currency), part.reference[falling])
    before = np.where(known, amounts.of(part.previous[falling], currency), 0)
    previous = np.maximum(before, part.previous_reference[falling])
    ceiling = previous - 1
    if reach > 1:  # amounts were rounded on both sides: better a cent too far
        ceiling = np.minimum(np.ceil(previous * reach) + 1, _HIGHEST_REACHED).astype(np.int64)
    ceiling[never_seen[falling]] = UNSET
    return Falls(falling, price, ceiling)


def filtered(part: Part, position: Ints) -> tuple[Ints, Ints, list[str]]:
    """What filters ask of the changes at these positions: cabin, stops, and carrier or nothing."""
    parts = split_fares(part.fare[position])
    return parts.cabin, parts.stops, [carrier_of(code) or "" for code in parts.carrier.tolist()]
