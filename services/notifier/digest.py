"""Several firings told in one push: the best fare of each alert, and how many further dates it has fallen on. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from shared.messages.notifications import Notification


@dataclass(frozen=True, slots=True)
class Item:
    """An alert in a digest.

    Attributes:
        best: its cheapest firing, by reference price; of equals the latest.
        other_dates: how many other pairs of departure and return its further firings are for.
    """

    best: Notification
    other_dates: int


@dataclass(frozen=True, slots=True)
class Digest:
    """One traveller's digest.

    Attributes:
        id: of the notification that leads it.
        items: at least one, the greatest fall first.
    """

    id: UUID
    user_id: UUID
    items: tuple[Item, ...]


def compose(notifications: Sequence[Notification]) -> Digest:
    """Make a digest of one traveller's firings; there is at least one."""
    items = [_item(firings) for firings in by_alert(notifications)]
    # Ties are broken by the id, so that a repeat is the same digest.
    items.sort(key=lambda item: (-item.best.fall_percent, item.best.id))
    leading = items[0].best
    return Digest(leading.id, leading.user_id, tuple(items))


def by_alert(notifications: Iterable[Notification]) -> list[list[Notification]]:
    """Part firings by alert, in the order given; within each the cheapest first, of equals the latest."""
    parts: defaultdict[UUID, list[Notification]] = defaultdict(list)
    for notification in notifications:
        parts[notification.alert_id].append(notification)
    return [sorted(firings, key=_precedence) for firings in parts.values()]


def _precedence(notification: Notification) -> tuple[int, int, int]:
    return notification.reference_price, -notification.revision, -notification.fire_seq


def _item(firings: Sequence[Notification]) -> Item:
    best = firings[0]
    others = {_dates(firing) for firing in firings} - {_dates(best)}
    return Item(best, len(others))


def _dates(notification: Notification) -> tuple[date, date | None]:
    return notification.fare.departure_date, notification.fare.return_date
