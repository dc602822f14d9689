"""Alerts as section 7 of the design has them, in plain Python: slow, obvious, and sharing no code with what it checks.

Nothing here knows of shards, queues or workers; whoever drives it says which of the steps of the flow takes place.
A step only says what becomes of alerts; what is not committed is not given to `commit`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import NamedTuple

from tests.integration.alert_world import LIFETIME, Wish
from tests.integration.board_model import Change, Fare, Rates, Row, is_ahead, to_euros
from tests.integration.wish_model import wants

UNSET = 2**63 - 1


class Watched(NamedTuple):
    """The fare that keeps an alert from its initial price, and the observation of it that counts."""

    fare: Fare
    observed_at: datetime


@dataclass(frozen=True)
class Alert:
    wish: Wish
    initial: int
    armed: int
    state: str = "active"
    revision: int = 0
    fire_seq: int = 0
    last_price: int | None = None
    last_fare: str | None = None
    watched: Watched | None = None


class Told(NamedTuple):
    """A firing: which one, and what is said of it."""

    name: str
    revision: int
    fire_seq: int
    fare: str
    price: int
    reference: int
    armed: int  # the price that was reached
    previous: int | None


class Ended(NamedTuple):
    name: str
    revision: int


class Undo(NamedTuple):
    """A firing that nobody was told of."""

    revision: int
    fire_seq: int
    fare: str
    reference: int
    armed: int


Moves = dict[str, tuple[Alert, Told | Ended | None]]


@dataclass
class Alerts:
    rates: Rates
    reach: dict[str, float] = field(default_factory=dict)  # by route; 1 if rates have not moved
    alerts: dict[str, Alert] = field(default_factory=dict)

    # What travellers do.

    def make(self, name: str, wish: Wish) -> None:
        armed = self.start(wish)
        self.alerts[name] = Alert(wish, armed, armed)

    def edit(self, name: str, wish: Wish) -> bool:
        """Returns whether this changes anything."""
        alert = self.alerts[name]
        if alert.wish == wish:
            return False
        state = "paused" if alert.state == "paused" else "active"
        armed = self.start(wish)
        self.alerts[name] = replace(
            alert,
            wish=wish,
            initial=armed,
            armed=armed,
            state=state,
            revision=alert.revision + 1,
            watched=None,
        )
        return True

    def pause(self, name: str) -> None:
        if self.alerts[name].state == "active":
            self.alerts[name] = replace(self.alerts[name], state="paused")

    def resume(self, name: str) -> bool:
        """Returns whether it rested, or was done."""
        if self.alerts[name].state not in {"paused", "fired"}:
            return False
        self.alerts[name] = replace(self.alerts[name], state="active")
        return True

    # What the fleet does.

    def match(self, changes: list[Change], now: datetime) -> Moves:
        """Falls that end at or below the armed price and come from above it; the first ones seen set a baseline."""
        moves: Moves = {}
        for name, alert in self.alerts.items():
            falls = [change for change in changes if is_ahead(change, now) and self._reaches(alert, change)]
            if alert.state == "active" and falls:
                cheapest = min(falls, key=lambda change: (self._in_euros(change), _order(change.fare)))
                if alert.armed == UNSET:
                    moves[name] = _learn(alert, self._in_euros(cheapest)), None
                else:
                    seen = Watched(cheapest.fare, cheapest.observed_at)
                    moves[name] = self._fire(name, alert, seen, cheapest.price, cheapest.previous)
        return moves

    def evaluate(
        self, name: str, boards: Mapping[Fare, Row], now: datetime, undo: Undo | None, *, fires: bool
    ) -> Moves:
        """Undo what nobody was told of, learn the baseline, re-arm, and fire if a fare is cheap enough.

        It is not armed again before the boards show what it watches as that was last seen, and fires only where a
        fall may have been missed: else rates alone have brought a fare so low.
        """
        before = alert = self.alerts[name]
        if undo and undo[:4] == (alert.revision, alert.fire_seq, alert.last_fare, alert.last_price):
            state = "active" if alert.state == "fired" else alert.state
            armed = min(max(alert.armed, undo.armed), alert.initial)
            alert = replace(alert, armed=armed, state=state, watched=alert.watched if armed < alert.initial else None)
        best = self.best(alert.wish, boards)
        if alert.state == "active" and best:
            price, fare = best
            if alert.armed == UNSET:
                return {name: (_learn(alert, price), None)}
            seen = Watched(fare, boards[fare].observed_at)
            if is_settled(before, boards, now):
                alert = _recovered(alert, price, seen)
            if fires and price <= alert.armed:
                return {name: self._fire(name, alert, seen, boards[fare].price, None)}
        return {name: (alert, None)} if alert != before else {}

    def expire(self, now: datetime) -> Moves:
        first = first_day(now)
        return {
            name: (
                replace(alert, state="expired", watched=None),
                Ended(name, alert.revision) if alert.state == "active" else None,
            )
            for name, alert in self.alerts.items()
            if alert.state in {"active", "paused"} and alert.wish.departure_to < first
        }

    def load(self, rates: Rates) -> None:
        """A target becomes what it is worth now; what follows from prices that fired moves with its currency."""
        for name, alert in self.alerts.items():
            self.alerts[name] = self._converted(alert, rates)
        self.rates = rates

    def commit(self, moves: Moves) -> None:
        self.alerts |= {name: alert for name, (alert, _) in moves.items()}

    # What they say.

    def best(self, wish: Wish, boards: Mapping[Fare, Row]) -> tuple[int, Fare] | None:
        """The cheapest wanted fare in cents, of equals the one with the lower key."""
        wanted = [(self.in_euros(fare, row.price), fare) for fare, row in boards.items() if wants(wish, *fare)]
        return min(wanted, key=lambda each: (each[0], _order(each[1])), default=None)

    def in_euros(self, fare: Fare, price: int) -> int:
        return to_euros(price, fare[1].currency, self.rates)

    def start(self, wish: Wish) -> int:
        """The armed price of a new alert."""
        return UNSET if wish.target is None else to_euros(wish.target, wish.currency, self.rates)

    def _in_euros(self, change: Change) -> int:
        return self.in_euros(change.fare, change.price)

    def _reaches(self, alert: Alert, change: Change) -> bool:
        if not (wants(alert.wish, *change.fare) and change.fell and self._in_euros(change) <= alert.armed):
            return False
        if change.previous is None or change.previous_reference is None:
            return True
        before = max(change.previous_reference, self.in_euros(change.fare, change.previous)) - 1
        # Rates may have lifted the armed price above what the fare was.
        return alert.armed <= max(before, int(before * self.reach.get(alert.wish.route, 1)))

    def _fire(self, name: str, alert: Alert, seen: Watched, price: int, previous: int | None) -> tuple[Alert, Told]:
        fare, reference = seen.fare, self.in_euros(seen.fare, price)
        once = alert.wish.rearm == "once"
        fired = replace(
            alert,
            armed=_next(alert.wish, reference),
            state="fired" if once else alert.state,
            fire_seq=alert.fire_seq + 1,
            last_price=reference,
            last_fare=_text(fare),
            watched=seen if recovers(alert.wish) else None,
        )
        told = Told(name, alert.revision, fired.fire_seq, _text(fare), price, reference, alert.armed, previous)
        return fired, told

    def _converted(self, alert: Alert, rates: Rates) -> Alert:
        currency = alert.wish.currency
        if currency == "EUR" or rates[currency] == self.rates[currency] or alert.armed == UNSET:
            return alert
        ratio = self.rates[currency] / rates[currency]
        if alert.wish.target is None:
            return replace(alert, initial=_half_up(alert.initial * ratio), armed=_half_up(alert.armed * ratio))
        initial = to_euros(alert.wish.target, currency, rates)
        armed = initial if alert.armed == alert.initial else _half_up(alert.armed * ratio)
        return replace(alert, initial=initial, armed=armed)


def recovers(wish: Wish) -> bool:
    return wish.kind != "new_low" and wish.rearm == "recovery"


def is_settled(alert: Alert, boards: Mapping[Fare, Row], now: datetime) -> bool:
    """Whether the boards show what is watched as it was last seen, or later, or it must be gone."""
    if alert.watched is None:
        return True
    fare, observed_at = alert.watched
    if fare in boards:
        return boards[fare].observed_at >= observed_at
    return fare[0].departure < first_day(now) or observed_at < now - LIFETIME


def first_day(now: datetime) -> date:
    """The first day of departure that is not over wherever one may be."""
    return (now - timedelta(hours=12)).date()


def _recovered(alert: Alert, price: int, best: Watched) -> Alert:
    """An alert that waits for its initial price again if all fares are above that; else it watches the cheapest."""
    if not recovers(alert.wish) or alert.armed >= alert.initial:
        return alert
    if price > alert.initial:
        return replace(alert, armed=alert.initial, watched=None)
    known = alert.watched is not None and alert.watched.fare == best.fare
    return alert if known else replace(alert, watched=best)


def _learn(alert: Alert, baseline: int) -> Alert:
    armed = _next(alert.wish, baseline)
    return replace(alert, initial=armed, armed=armed)


def _next(wish: Wish, price: int) -> int:
    percent = wish.percent if wish.percent is not None else wish.improvement
    return price * (100 - percent) // 100


def _half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def _order(fare: Fare) -> tuple[object, ...]:
    return fare[0].order, fare[1].order


def _text(fare: Fare) -> str:
    board, offer = fare
    dates = ":".join(str(day) for day in (board.departure, board.back) if day)
    flight = f"{offer.carrier or ''}{offer.flight or ''}@{offer.time or ''}"
    return f"{board.origin}-{board.destination}:{dates}:{flight}:{offer.cabin}:{offer.stops}:{offer.currency}"
