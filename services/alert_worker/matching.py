"""Which of the changes that match an alert fires it, and what the alert waits for next. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

# An alert that fired at a price is silent until it is beaten by as much.
IMPROVEMENT_PERCENT: Final = 2


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """A change as the choice sees it: the cheapest first, then the lowest fare key."""

    reference_price: int
    board: int
    fare: int
    position: int  # which row of the part of the batch


@dataclass(frozen=True, slots=True)
class Match:
    """A locked alert that a change matches."""

    alert_id: UUID
    user_id: UUID
    armed_price: int
    fire_seq: int
    position: int  # of the change


@dataclass(frozen=True, slots=True)
class Claim:
    """An alert that fires: by which change, and its next armed price."""

    match: Match
    price: int
    next_armed_price: int

    @property
    def fire_seq(self) -> int:
        """The number of this firing, from 1."""
        return self.match.fire_seq + 1


def next_armed_price(fired_at_price: int) -> int:
    """What beats the price that fired, by the smallest improvement, rounded down."""
    return fired_at_price * (100 - IMPROVEMENT_PERCENT) // 100


def claims(matches: Iterable[Match], candidates: list[Candidate]) -> list[Claim]:
    """One claim for each matched alert: by its cheapest change, then the one with the lower fare key.

    Args:
        matches: alerts with the changes they match, any number each.
        candidates: the changes, by position.
    """
    best: dict[UUID, Match] = {}
    for match in matches:
        rival = best.get(match.alert_id)
        if rival is None or candidates[match.position] < candidates[rival.position]:
            best[match.alert_id] = match
    return [_claim(match, candidates[match.position].reference_price) for match in best.values()]


def _claim(match: Match, price: int) -> Claim:
    return Claim(match, price, next_armed_price(price))
