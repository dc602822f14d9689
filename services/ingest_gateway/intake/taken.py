"""What callers give to the intake, and what it says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Fault = tuple[int, str]  # of a fare that is set aside: its position among those given, and why, as `price_missing`

# One fare: a value for every column of `FARE_FIELDS` (date, time and datetime objects), None where nothing is said.
FareValues = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the fares of one call.

    Attributes:
        faults: of those set aside, in their order.
        spooled: some of the others lie in the spool and not yet in the broker.
    """

    faults: Sequence[Fault]
    spooled: bool
