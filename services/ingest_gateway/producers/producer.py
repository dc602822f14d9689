"""What a key says about whoever shows it."""

from dataclasses import dataclass

from shared.fare_lanes import Lane


@dataclass(frozen=True, slots=True)
class Producer:
    """Who sends fares.

    Attributes:
        key_id: the public part of the key; limits are counted by it.
        name: of the producer; it may have several keys.
        source: what its fares are said to come from.
        lanes: into which it may send.
        fares_per_minute: the most that it may send in any minute.
    """

    key_id: str
    name: str
    source: str
    lanes: frozenset[Lane]
    fares_per_minute: int
