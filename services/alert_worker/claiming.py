"""The last steps of everything that moves alerts: publish what follows with confirms, then write the alerts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.alert_worker import store
from services.alert_worker.announcing import grouped, notification_of
from services.alert_worker.transitions import Transition
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.deliveries import Context
from shared.failpoints import Failpoints
from shared.messages import evaluations, notifications
from shared.messages.evaluations import MAX_EVALUATIONS, Evaluation
from shared.messages.notifications import Notice
from shared.shards import ShardTransaction
from shared.topology import EVALUATIONS, NOTIFICATIONS


@dataclass(frozen=True, slots=True)
class Claims:
    """Publishes and writes, within a transaction that its caller commits."""

    broker: Broker
    failpoints: Failpoints

    async def make(
        self,
        transaction: ShardTransaction,
        transitions: Sequence[Transition],
        to_evaluate: Sequence[Evaluation],
        now: datetime,
        context: Context,
    ) -> None:
        """Announce firings, ask for evaluations, and once both are safe write what becomes of the alerts.

        Raises:
            UnavailableError: the broker has not confirmed; nothing is written.
        """
        firings = [notification_of(transition, now) for transition in transitions if transition.firing]
        await self.broker.publish_all([*_announcements(firings, context), *_requests(to_evaluate, context)])
        self.failpoints.hit("alert_worker.notifications_confirmed")
        await store.write(transaction, transitions, now)

    async def announce(self, notices: Sequence[Notice], context: Context) -> None:
        """Publish what users are to be told; returns once all is confirmed."""
        await self.broker.publish_all(_announcements(notices, context))


def _announcements(notices: Sequence[Notice], context: Context) -> Iterator[Outgoing]:
    for lane, route, some in grouped(notices):
        yield Outgoing(
            exchange=NOTIFICATIONS.name,
            routing_key=lane.value,
            body=notifications.encode(some),
            content_type=notifications.JSON,
            headers=replace(context, route=route).headers(),
        )


def _requests(to_evaluate: Sequence[Evaluation], context: Context) -> Iterator[Outgoing]:
    for start in range(0, len(to_evaluate), MAX_EVALUATIONS):
        yield Outgoing(
            exchange=EVALUATIONS.name,
            routing_key="",
            body=evaluations.encode(list(to_evaluate[start : start + MAX_EVALUATIONS])),
            content_type=evaluations.JSON,
            headers=context.headers(),
        )
