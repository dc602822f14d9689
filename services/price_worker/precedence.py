"""Which sources are believed more than others. Pure.

A fare from a source of rank r stands as if it had been seen r windows later than it was. So within a window a price
from a better source is not overwritten by one from a worse source, and afterwards it is; and whatever order sightings
come in, the same one is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shared.messages.codes import code_column

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Precedence:
    """The ranks of sources, 0 where none is named; and a window in ms."""

    ranks: Mapping[str, int]
    window: int

    def ranks_of(self, sources: pa.Array) -> Ints:
        """The ranks of n sources."""
        if not self.ranks:
            return np.zeros(len(sources), dtype=np.int64)
        return code_column(sources, lambda source: self.ranks.get(source, 0))

    def standing(self, observed_at: Ints, rank: Ints) -> Ints:
        """When n sightings, from sources of these ranks, count as seen: the one that stands latest is left."""
        return observed_at + rank * self.window


ALL_ALIKE: Final = Precedence({}, 0)
