"""What a trip usually costs: percentiles of what it cost, at its best, on each of the last days. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# On so many percent of the days a price was as low as the low, the typical and the high one, or lower.
PERCENTS: Final = (10, 50, 90)
RECENT_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class TypicalPrice:
    """The lowest of the best prices of some days, the percentiles of them all, and how many days there are."""

    lowest: int
    low: int
    typical: int
    high: int
    days: int

    @classmethod
    def of(cls, lows: Sequence[int]) -> "TypicalPrice":
        """Of the best prices of days, at least one; percentiles are among them, as SQL's `percentile_disc` has it."""
        ordered = sorted(lows)
        low, typical, high = (ordered[-(-len(ordered) * percent // 100) - 1] for percent in PERCENTS)
        return cls(ordered[0], low, typical, high, len(ordered))
