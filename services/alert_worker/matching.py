"""Which of the changes that reach an alert fires it, judged on the alert as it is locked. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.alert_worker.transitions import Firing, LockedAlert, Transition, fire, learn, standing
from shared.messages.fare_key import unpack_board, unpack_fare


@dataclass(frozen=True, slots=True)
class Fall:
    """A change that fell; `ceiling` is the highest armed price that it came from above of."""

    firing: Firing
    ceiling: int

    @property
    def order(self) -> tuple[int, int, int]:
        """The cheapest first, then the lower fare key."""
        return self.firing.price, *self.firing.keys


def judge(alerts: Iterable[LockedAlert], falls: Mapping[UUID, Sequence[Fall]]) -> list[Transition]:
    """What becomes of the alerts that still match, each by its cheapest fall.

    Args:
        alerts: as they are locked; they may have changed since they were found.
        falls: those that each was found to match, by its id.
    """
    return [transition for alert in alerts if (transition := _judge(alert, falls[alert.id]))]


def _judge(alert: LockedAlert, falls: Sequence[Fall]) -> Transition | None:
    matching = [fall for fall in falls if _matches(alert, fall)]
    if not matching:
        return None
    cheapest = min(matching, key=lambda fall: fall.order).firing
    return learn(alert, cheapest.price) if alert.unset else fire(standing(alert), cheapest)


def _matches(alert: LockedAlert, fall: Fall) -> bool:
    board, fare = fall.firing.keys
    return (
        alert.state == "active"
        and fall.firing.price <= alert.armed_price <= fall.ceiling
        and alert.filters.want(unpack_board(board), unpack_fare(fare))
    )
