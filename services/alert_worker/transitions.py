"""What becomes of an alert: the row as it is locked, and the row as it is to be. Pure."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal
from uuid import UUID

from shared.alerts.filters import Filters
from shared.alerts.rules import UNSET, Rule
from shared.messages.fare_key import fare_name, unpack_board, unpack_fare

State = Literal["active", "paused", "fired", "expired"]
FareKeys = tuple[int, int]  # packed: of the board, of the fare


@dataclass(frozen=True, slots=True)
class LockedAlert:
    """An alert that nobody else changes as long as the transaction lasts. Prices are reference amounts.

    Attributes:
        watched: the fare that keeps its armed price below the initial one.
        watched_at: when that was seen at its price, in ms since 1970.
        unproven: it was written a short while ago, and no second evaluation has shown yet that no fare changed
            unseen meanwhile.
        last_fare: the one that fired it last, in words.
        last_price: at which that fired it, at the rates of then.
    """

    id: UUID
    user_id: UUID
    filters: Filters
    rule: Rule
    state: State
    revision: int
    fire_seq: int
    initial_price: int
    armed_price: int
    watched: FareKeys | None
    watched_at: int
    unproven: bool
    last_fare: str | None
    last_price: int | None

    @property
    def unset(self) -> bool:
        """Whether it still waits for its baseline."""
        return self.armed_price == UNSET


@dataclass(frozen=True, slots=True)
class Firing:
    """The fare that fires an alert.

    Attributes:
        price: in the reference currency.
        quoted: in the fare's own currency, as is `previous`: None if it is not known.
        observed_at: in ms since 1970.
        source: None if it is not known.
    """

    keys: FareKeys
    price: int
    quoted: int
    observed_at: int
    previous: int | None = None
    source: str | None = None

    @property
    def name(self) -> str:
        """The fare in words."""
        return _name(*self.keys)


@lru_cache(maxsize=16_384)  # a claim asks for it more than once
def _name(board: int, fare: int) -> str:
    return fare_name(unpack_board(board), unpack_fare(fare))


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert as it was and as it is to be.

    Attributes:
        alert: as it was locked.
        firing: what fired it, if anything did.
        reached: the armed price that the firing reached; it may not be the locked one.
        check: whether to evaluate it once more after a while.
    """

    alert: LockedAlert
    initial_price: int
    armed_price: int
    state: State
    watched: FareKeys | None
    firing: Firing | None = None
    reached: int | None = None
    check: bool = False
    watched_at: int = 0

    @property
    def fire_seq(self) -> int:
        """How often the alert will have fired."""
        return self.alert.fire_seq + (self.firing is not None)


def standing(alert: LockedAlert) -> Transition:
    """The alert stays as it is."""
    return Transition(
        alert, alert.initial_price, alert.armed_price, alert.state, alert.watched, watched_at=alert.watched_at
    )


def learn(alert: LockedAlert, baseline: int) -> Transition:
    """The alert takes a price as its baseline, and tells nobody."""
    armed = alert.rule.next_price(baseline)
    return replace(standing(alert), initial_price=armed, armed_price=armed, check=True)


def fire(now: Transition, firing: Firing) -> Transition:
    """The alert fires and waits for a deeper low, or is done.

    Args:
        now: what has become of it so far.
        firing: by which fare.
    """
    rule = now.alert.rule
    armed = rule.next_price(firing.price)
    done = rule.rearm == "once"
    return Transition(
        alert=now.alert,
        initial_price=now.initial_price,
        armed_price=armed,
        state="fired" if done else now.state,
        watched=firing.keys if rule.recovers else None,
        firing=firing,
        reached=now.armed_price,
        check=not done,
        watched_at=firing.observed_at,
    )
