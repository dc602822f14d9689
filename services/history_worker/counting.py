"""Which changes of a shard's part go by which name in the books. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from shared.changes_by_shard import Part
from shared.counted_changes import name_of
from shared.shard_map import BUCKETS, bucket_of

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a part's changes, and of each of its n changes which one."""

    names: list[UUID]
    of: Ints

    def positions(self, names: Collection[UUID]) -> Ints:
        """The positions of the changes that go by these names."""
        return np.flatnonzero(np.array([name in names for name in self.names])[self.of])


def names_of(part: Part, message: Ints, digests: Sequence[bytes]) -> Names:
    """The names of a part's changes.

    Args:
        part: with at least one change.
        message: of each row of the part's batch, which of the messages it came with.
        digests: of the messages.
    """
    bucket = np.array([bucket_of(place.route) for place in part.places])
    distinct, of = np.unique(message[part.row] * BUCKETS + bucket[part.board], return_inverse=True)
    return Names([name_of(digests[each // BUCKETS], each % BUCKETS) for each in distinct.tolist()], of)
