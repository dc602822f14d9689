"""Takes batches of notifications from their queue to the travellers' devices.

Recorded, claimed, sent, marked, and only then acknowledged: a crash anywhere repeats the batch, which finds
by the notifications' states what is still to be done. A crash between sending and marking repeats pushes; the
repeats replace their twins on the devices.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

import structlog

from services.notifier.conclusion import Conclusion, State, conclude
from services.notifier.gateway import Device, Gateway, Outcome, Push, Verdict
from services.notifier.rendering import render
from services.notifier.store import Claim, NotificationStore
from shared import metrics
from shared.deliveries import DeadLetter, Delivery, Done, Retry, Settlement
from shared.errors import UnavailableError, UnreadableError
from shared.failpoints import Failpoints
from shared.messages.notifications import Notification, decode

Result: TypeAlias = tuple[Push, Outcome]

log = structlog.get_logger()


class NotificationHandler:
    """The consumer of `notifications.standard`.

    Args:
        store: where notifications are recorded and devices are found.
        gateway: the way to the devices.
        failpoints: where tests let the notifier die.
    """

    def __init__(self, store: NotificationStore, gateway: Gateway, failpoints: Failpoints) -> None:
        self._store = store
        self._gateway = gateway
        self._failpoints = failpoints

    async def handle(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        """Tell the travellers, and say for each delivery how it is to be settled.

        Raises:
            UnavailableError: the accounts database or the gateway is away; the batch is to be repeated.
        """
        readings = [_read(delivery) for delivery in deliveries]
        # Copies of one notification in a batch are one: the last stands for all.
        notifications = {reading.id: reading for reading in readings if isinstance(reading, Notification)}
        settled = await self._tell(notifications) if notifications else {}
        return [settled[reading.id] if isinstance(reading, Notification) else reading for reading in readings]

    async def _tell(self, notifications: Mapping[UUID, Notification]) -> dict[UUID, Settlement]:
        await self._store.record(notifications.values())
        self._failpoints.hit("notifier.recorded")
        async with self._store.claim(notifications.keys()) as claim:
            unsent = [notification for id_, notification in notifications.items() if id_ in claim.unsent]
            results = await self._send(claim, unsent)
            self._failpoints.hit("notifier.sent")
            conclusions = _conclusions(claim.unsent, results)
            await claim.mark(conclusions)
            await claim.retire(_dead_devices(results))
        _count(conclusions, results)
        self._failpoints.hit("notifier.marked")
        _stop_if_refused(results)
        return {id_: _settlement(id_, claim, conclusions) for id_ in notifications}

    async def _send(self, claim: Claim, notifications: Collection[Notification]) -> list[Result]:
        devices = await claim.devices({notification.user_id for notification in notifications})
        pushes = [
            Push(notification, device, render(notification, device.locale))
            for notification in notifications
            for device in devices.get(notification.user_id, [])
        ]
        outcomes = await self._gateway.send(pushes) if pushes else []
        return list(zip(pushes, outcomes, strict=True))


def _read(delivery: Delivery) -> Notification | DeadLetter:
    try:
        return decode(delivery.body, delivery.content_type)
    except UnreadableError as error:
        log.warning("unreadable", error=str(error))
        return DeadLetter(error.reason)


def _count(conclusions: Mapping[UUID, Conclusion], results: Sequence[Result]) -> None:
    for conclusion in conclusions.values():
        metrics.NOTIFICATIONS.labels(conclusion.state.value).inc()
    for _, outcome in results:
        metrics.PUSHES.labels(outcome.verdict.value).inc()


def _conclusions(ids: Collection[UUID], results: Sequence[Result]) -> dict[UUID, Conclusion]:
    outcomes: dict[UUID, list[Outcome]] = {id_: [] for id_ in ids}
    for push, outcome in results:
        outcomes[push.notification.id].append(outcome)
    return {id_: conclude(outcomes_of_one) for id_, outcomes_of_one in outcomes.items()}


def _dead_devices(results: Sequence[Result]) -> list[tuple[Device, str]]:
    dead = {push.device: outcome.reason for push, outcome in results if outcome.verdict is Verdict.RETIRE}
    return list(dead.items())


def _stop_if_refused(results: Sequence[Result]) -> None:
    """Keep the batch in hand while the gateway does not let us in: a retry queue would only run dry."""
    for _, outcome in results:
        if outcome.verdict is Verdict.REFUSED:
            raise UnavailableError("push_gateway", outcome.reason)


def _settlement(id_: UUID, claim: Claim, conclusions: Mapping[UUID, Conclusion]) -> Settlement:
    if id_ in claim.elsewhere:
        return Retry("in_hand_elsewhere")
    conclusion = conclusions.get(id_)
    if conclusion is not None and conclusion.state is State.QUEUED:
        return Retry(conclusion.reason)
    return Done()
