"""The ladder of booking classes on which the benches' fares move, mostly by one rung."""

from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

# What each rung costs, as a share of what is usually paid.
LADDER: Final = 0.6 * 1.13 ** np.arange(12)
_TOP: Final = len(LADDER) - 1
# Fares gather on the lower rungs.
_MEAN_RUNG: Final = 3.5
_RUNG_SPREAD: Final = 1.5
STEPS: Final = np.array([-3, -2, -1, 1, 2, 3])
STEP_PERCENTAGES: Final = np.array([2, 10, 38, 38, 10, 2])


def rungs(deviations: npt.NDArray[np.float64]) -> Ints:
    """The rungs that fares with these deviations from the mean, in standard ones, are on."""
    return np.clip(np.rint(_MEAN_RUNG + _RUNG_SPREAD * deviations), 0, _TOP).astype(np.int64)


def moved(before: Ints, steps: Ints) -> Ints:
    """The rungs after these steps; at an end of the ladder a fare goes the other way."""
    there = before + steps
    return np.where((there < 0) | (there > _TOP), before - steps, there)
