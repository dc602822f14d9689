"""Takes batches of notices from their queue to the travellers' devices.

Recorded, claimed, vetted, sent, marked, and only then acknowledged: a crash anywhere repeats the batch, which
finds by the notifications' states what is still to be done. A crash between sending and marking repeats pushes; the
repeats replace their twins on the devices. Of a message that is done in part only the rest comes again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

import structlog

from services.notifier.conclusion import Conclusion, State, conclude
from services.notifier.evaluations import ask_to_undo
from services.notifier.gateway import Device, Gateway, Outcome, Push, Verdict
from services.notifier.rendering import render
from services.notifier.revocation import UNSEEN
from services.notifier.settling import settle
from services.notifier.store import Claim, NotificationStore
from services.notifier.vetting import Vetting
from shared import metrics
from shared.broker import Broker
from shared.consumer import count_set_aside
from shared.deliveries import DeadLetter, Delivery, Settlement
from shared.errors import TransientError, UnavailableError, UnreadableError
from shared.failpoints import Failpoints
from shared.messages.notifications import Decoded, Notice, Notification, decode
from shared.topology import NOTIFICATIONS_STANDARD

Result: TypeAlias = tuple[Push, Outcome]

log = structlog.get_logger()


class NotificationHandler:
    """The consumer of `notifications.standard`.

    Args:
        store: where notifications are recorded and devices are found.
        vetting: finds those that must not be sent any more.
        broker: takes the word of them to the alert workers.
        gateway: the way to the devices.
        failpoints: where tests let the notifier die.
    """

    def __init__(
        self, store: NotificationStore, vetting: Vetting, broker: Broker, gateway: Gateway, failpoints: Failpoints
    ) -> None:
        self._store = store
        self._vetting = vetting
        self._broker = broker
        self._gateway = gateway
        self._failpoints = failpoints

    async def handle(self, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        """Tell the travellers, and say for each delivery how it is to be settled.

        Raises:
            UnavailableError: a server other than a single shard is away; the batch is to be repeated.
            TransientError: the only notice's board is of a format not known here.
        """
        readings = [_read(delivery) for delivery in deliveries]
        # Copies of one notice in a batch are one: the last stands for all.
        messages = [reading for reading in readings if isinstance(reading, Decoded)]
        notices = {notice.id: notice for message in messages for notice in message.notices}
        unfinished = await self._tell_or_isolate(notices) if notices else {}
        for delivery, reading in zip(deliveries, readings, strict=True):
            if isinstance(reading, Decoded):
                count_set_aside(NOTIFICATIONS_STANDARD, reading.set_aside, delivery)
        return [reading if isinstance(reading, DeadLetter) else settle(reading, unfinished) for reading in readings]

    async def _tell_or_isolate(self, notices: Mapping[UUID, Notice]) -> dict[UUID, str]:
        """Tell of these notices, one by one if together they fail: one must not take its message down with it."""
        try:
            return await self._tell(notices)
        except UnavailableError:
            raise
        except Exception:
            if len(notices) == 1:
                raise
        unfinished: dict[UUID, str] = {}
        for id_, notice in notices.items():
            unfinished |= await self._tell_one(id_, notice)
        return unfinished

    async def _tell_one(self, id_: UUID, notice: Notice) -> dict[UUID, str]:
        try:
            return await self._tell({id_: notice})
        except UnavailableError:
            raise
        except TransientError as error:
            log.warning("failed_for_now", notification=str(id_), error=str(error))
            return {id_: error.reason}
        except Exception as error:
            log.exception("notice_failed", notification=str(id_))
            return {id_: f"unexpected_{type(error).__name__}"}

    async def _tell(self, notices: Mapping[UUID, Notice]) -> dict[UUID, str]:
        """Tell of these notices; returns why some are to be tried again, by id."""
        await self._store.record(notices.values())
        self._failpoints.hit("notifier.recorded")
        async with self._store.claim(notices.keys()) as claim:
            withheld = await self._vetting.withhold(_among(notices, claim.unsent))
            await self._undo(_among(notices, claim.unseen | _unseen(withheld)))
            sendable = claim.unsent - withheld.keys()
            results = await self._send(claim, _among(notices, sendable))
            self._failpoints.hit("notifier.sent")
            conclusions = withheld | _conclusions(sendable, results)
            await claim.mark(conclusions)
            await claim.retire(_dead_devices(results))
        _count(conclusions, results)
        self._failpoints.hit("notifier.marked")
        _stop_if_refused(results)
        return dict.fromkeys(claim.elsewhere, "in_hand_elsewhere") | _queued(conclusions)

    async def _undo(self, notices: Collection[Notice]) -> None:
        """Let alerts be as if they had not fired, before it is recorded that their users were not told."""
        firings = [notice for notice in notices if isinstance(notice, Notification)]
        if firings:
            await ask_to_undo(self._broker, firings)
            self._failpoints.hit("notifier.evaluations_confirmed")

    async def _send(self, claim: Claim, notices: Collection[Notice]) -> list[Result]:
        devices = await claim.devices({notice.user_id for notice in notices})
        pushes = [
            Push(notice, device, render(notice, device.locale))
            for notice in notices
            for device in devices.get(notice.user_id, [])
        ]
        outcomes = await self._gateway.send(pushes) if pushes else []
        return list(zip(pushes, outcomes, strict=True))


def _read(delivery: Delivery) -> Decoded | DeadLetter:
    try:
        return decode(delivery.body, delivery.content_type)
    except UnreadableError as error:
        log.warning("unreadable", error=str(error))
        return DeadLetter(error.reason)


def _among(notices: Mapping[UUID, Notice], ids: Collection[UUID]) -> list[Notice]:
    """Return those with these ids, in the order of their delivery."""
    return [notice for id_, notice in notices.items() if id_ in ids]


def _unseen(withheld: Mapping[UUID, Conclusion]) -> frozenset[UUID]:
    return frozenset(id_ for id_, conclusion in withheld.items() if conclusion.reason in UNSEEN)


def _count(conclusions: Mapping[UUID, Conclusion], results: Sequence[Result]) -> None:
    for conclusion in conclusions.values():
        metrics.NOTIFICATIONS.labels(conclusion.state.value).inc()
    for _, outcome in results:
        metrics.PUSHES.labels(outcome.verdict.value).inc()


def _conclusions(ids: Collection[UUID], results: Sequence[Result]) -> dict[UUID, Conclusion]:
    outcomes: dict[UUID, list[Outcome]] = {id_: [] for id_ in ids}
    for push, outcome in results:
        outcomes[push.notice.id].append(outcome)
    return {id_: conclude(outcomes_of_one) for id_, outcomes_of_one in outcomes.items()}


def _dead_devices(results: Sequence[Result]) -> list[tuple[Device, str]]:
    dead = {push.device: outcome.reason for push, outcome in results if outcome.verdict is Verdict.RETIRE}
    return list(dead.items())


def _stop_if_refused(results: Sequence[Result]) -> None:
    """Keep the batch in hand while the gateway does not let us in: a retry queue would only run dry."""
    for _, outcome in results:
        if outcome.verdict is Verdict.REFUSED:
            raise UnavailableError("push_gateway", outcome.reason)


def _queued(conclusions: Mapping[UUID, Conclusion]) -> dict[UUID, str]:
    return {id_: conclusion.reason for id_, conclusion in conclusions.items() if conclusion.state is State.QUEUED}
