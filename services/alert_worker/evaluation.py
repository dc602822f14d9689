"""What the boards say of an alert: its baseline, its return to its initial price, a fare that fires it. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from services.alert_worker.transitions import Firing, LockedAlert, Transition, fire, learn, standing
from shared.alerts.best_fare import AvailableFare
from shared.messages.evaluations import Unseen


def evaluate(
    alert: LockedAlert, best: AvailableFare | None, unseen: Iterable[Unseen] = (), *, settled: bool, fires: bool = True
) -> Transition:
    """What becomes of an alert.

    Args:
        alert: as it is locked.
        best: the cheapest fare on the boards that it wants. None is no sign of anything: boards may be lost.
        unseen: firings to be undone, where they are the alert's last one.
        settled: the boards show what the alert watches as it was last seen. Before that they may show what the fare
            cost before, and an alert that returned to its initial price would be told of the same fall once more.
        fires: a fare that is low enough is told of. Without it only rates can have made it so, since no fall did.
    """
    now = standing(alert)
    for each in unseen:
        if _is_last(alert, each):
            now = _undo(now, each)
    if now.state != "active" or best is None:
        return now
    if alert.unset:
        return learn(alert, best.reference_price)
    if settled:
        now = _recover(now, best)
    if fires and best.reference_price <= now.armed_price:
        return fire(now, _firing(best))
    return now


def _is_last(alert: LockedAlert, unseen: Unseen) -> bool:
    """Whether it fired the alert last. Its number alone does not say so: one that was rolled back had the same."""
    last = (alert.revision, alert.fire_seq, alert.last_fare, alert.last_price)
    return (unseen.revision, unseen.fire_seq, unseen.fare, unseen.reference_price) == last


def _undo(now: Transition, unseen: Unseen) -> Transition:
    """Wait again for what was not told of; the firing keeps its number.

    An alert that has returned to its initial price since then stays there, and none goes beyond it: rates may
    have moved it.
    """
    armed = min(max(now.armed_price, unseen.armed_price), now.initial_price)
    state = "active" if now.state == "fired" else now.state
    watched = now.watched if armed < now.initial_price else None
    return replace(now, armed_price=armed, state=state, watched=watched, check=True)


def _recover(now: Transition, best: AvailableFare) -> Transition:
    """Return to the initial price once all fares are above it; else watch the one that is not."""
    if not now.alert.rule.recovers or now.armed_price >= now.initial_price:
        return now
    if best.reference_price > now.initial_price:
        return replace(now, armed_price=now.initial_price, watched=None, check=True)
    watched = (best.board, best.fare)
    if watched == now.watched:
        return now
    # Had it risen just before it was watched, only another look at its board would tell.
    return replace(now, watched=watched, watched_at=best.observed_at, check=True)


def _firing(best: AvailableFare) -> Firing:
    return Firing((best.board, best.fare), best.reference_price, best.price, best.observed_at)
