"""Asks the alert workers to undo firings that were never told."""

from collections.abc import Sequence

from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.messages.evaluations import JSON, MAX_EVALUATIONS, Evaluation, Unseen, encode
from shared.messages.notifications import Notification
from shared.topology import EVALUATIONS


async def ask_to_undo(broker: Broker, firings: Sequence[Notification]) -> None:
    """Have the alerts of these firings evaluated as if they had not fired; returns once that is safe in its queue.

    Raises:
        UnavailableError: not all of it is confirmed.
    """
    evaluations = [_evaluation(firing) for firing in firings]
    bodies = (encode(evaluations[i : i + MAX_EVALUATIONS]) for i in range(0, len(evaluations), MAX_EVALUATIONS))
    await broker.publish_all(Outgoing("", body, JSON, exchange=EVALUATIONS.name) for body in bodies)


def _evaluation(firing: Notification) -> Evaluation:
    unseen = Unseen(
        revision=firing.revision,
        fire_seq=firing.fire_seq,
        fare=firing.fare_key,
        reference_price=firing.reference_price,
        armed_price=firing.armed_price,
    )
    return Evaluation(alert_id=firing.alert_id, route=firing.route, unseen=unseen)
