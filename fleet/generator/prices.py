"""How prices move, as real ones do.

A fare sits on a ladder of booking classes and mostly steps a rung up or down, rather towards the class that its
departure asks for: the dear ones when it is near. Now and then a route goes on sale, and later off it again.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Rungs = npt.NDArray[np.int8]

_LADDER: Final = (0.6 * 1.13 ** np.arange(12)).astype(np.float32)
_TOP: Final = len(_LADDER) - 1
_STEPS: Final = np.array([1, 2, 3], dtype=np.int8)
_STEP_CHANCES: Final = (0.75, 0.2, 0.05)
# In euros: from here on a rung is more than the step that prices are rounded to, even on sale.
_LEAST_BASE: Final = 36
_SALE_LEVELS: Final = (0.55, 0.75)
# Of a route at each cycle, times the share of changes: so sales make a small part of all changes.
_SALE_CHANCE: Final = 0.02


class Prices:
    """The prices of n fares in euros.

    Args:
        usual: n prices before booking class, sale and chance.
        days_ahead: n days until departure.
        route: n positions of the fares' routes.
        changed: the expected share of fares whose price differs after each `move`.
        random: what chance there is in the beginning.
    """

    def __init__(
        self, usual: Floats, days_ahead: Floats, route: Ints, changed: float, random: np.random.Generator
    ) -> None:
        chance = np.exp(random.normal(0, 0.12, len(usual))).astype(np.float32)
        self._base = np.maximum(usual * chance, np.float32(_LEAST_BASE))
        # Fares gather on the fourth rung while there is time and near the top before departure.
        self._wanted = 3 + 7 * np.exp(days_ahead / np.float32(-15))
        rung = np.rint(self._wanted + random.normal(-0.5, 1.2, len(usual)))
        self._rung = np.clip(rung, 0, _TOP).astype(np.int8)
        self._route = route
        self._sale = np.ones(route.max(initial=0) + 1, dtype=np.float32)
        self._changed = changed

    def in_euros(self) -> Floats:
        """The present prices."""
        prices: Floats = self._base * _LADDER[self._rung] * self._sale[self._route]
        return prices

    def move(self, random: np.random.Generator) -> None:
        """Sales first; of the other fares as many change class as make the share of changes right."""
        repriced = self._move_sales(random)[self._route]
        share = float(repriced.mean())
        chance = (self._changed - share) / (1 - share) if share < self._changed else 0
        moving = np.flatnonzero((random.random(len(repriced), dtype=np.float32) < chance) & ~repriced)
        self._rung[moving] = _moved(self._rung[moving], self._wanted[moving], random)

    def _move_sales(self, random: np.random.Generator) -> Bools:
        """Begin and end sales; which routes do either."""
        draw = random.random(len(self._sale))
        level = random.uniform(*_SALE_LEVELS, len(self._sale)).astype(np.float32)
        running = self._sale < 1
        toggled: Bools = draw < self._changed * np.where(running, 1, _SALE_CHANCE)
        self._sale = np.where(toggled, np.where(running, np.float32(1), level), self._sale)
        return toggled


def _moved(rung: Rungs, wanted: Floats, random: np.random.Generator) -> Rungs:
    """Another rung for each of these fares: rather towards the wanted one, the other way at an end."""
    steps = random.choice(_STEPS, len(rung), p=_STEP_CHANCES)
    upwards = random.random(len(rung), dtype=np.float32) < np.clip(0.5 + 0.08 * (wanted - rung), 0.1, 0.9)
    there = np.clip(rung + np.where(upwards, steps, -steps), 0, _TOP)
    back = np.clip(rung + np.where(upwards, -steps, steps), 0, _TOP)
    return np.where(there == rung, back, there).astype(np.int8)
