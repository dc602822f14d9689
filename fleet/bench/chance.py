"""Chance without memory: what is drawn for a number is the same whenever, and in whatever order, it is asked for."""

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]

# SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = ((30, np.uint64(0xBF58476D1CE4E5B9)), (27, np.uint64(0x94D049BB133111EB)))
_LAST_SHIFT: Final = np.uint64(31)
_UNIT: Final = 2.0**-53
_QUARTERS: Final = 4
_QUARTER_BITS: Final = 16


class Chance:
    """One source of chance among many.

    Args:
        names: any numbers: sources of other names are independent.
    """

    def __init__(self, *names: int) -> None:
        self._key = np.random.SeedSequence(names).generate_state(1, np.uint64)[0]

    def uniform(self, numbers: Ints) -> Floats:
        """A number from 0 to below 1 for each of these."""
        uniform: Floats = (self._bits(numbers) >> np.uint64(11)).astype(np.float64) * _UNIT
        return uniform

    def normal(self, numbers: Ints) -> Floats:
        """A nearly normal number of mean 0 and deviation 1 for each of these: a sum of four uniform ones."""
        quarters = self._bits(numbers).view(np.uint16).reshape(-1, _QUARTERS).T.astype(np.float64)
        mean = _QUARTERS * (2**_QUARTER_BITS - 1) / 2
        normal: Floats = (quarters.sum(axis=0) - mean) * (np.sqrt(12 / _QUARTERS) / 2**_QUARTER_BITS)
        return normal

    def choice(self, values: Ints, percent: Ints, numbers: Ints) -> Ints:
        """One of the values for each of these, as often as their percentages say."""
        chosen: Ints = np.repeat(values, percent).take((self.uniform(numbers) * percent.sum()).astype(np.int64))
        return chosen

    def _bits(self, numbers: Ints) -> Bits:
        bits: Bits = (numbers.astype(np.uint64) + self._key) * _GOLDEN
        for shift, factor in _MIX:
            bits = (bits ^ (bits >> np.uint64(shift))) * factor
        return bits ^ (bits >> _LAST_SHIFT)
