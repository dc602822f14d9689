"""Sends what was decided to be sent, and writes down what became of it.

In a transaction that holds the notifications: a crash lets go of them at once, and whoever gets them next sends
them again, twins that replace the first on the devices.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier import devices, records
from services.notifier.deciding.recording import Recorded
from services.notifier.deciding.ruling import ELSEWHERE_S, IN_HAND_ELSEWHERE, Traveller
from services.notifier.gateway import Device, Gateway, Outcome, Push, Verdict
from services.notifier.rendering.perspective import Perspective
from services.notifier.rendering.rendering import Text, render
from services.notifier.states import Record, State
from services.notifier.telling.aftermath import Aftermath, aftermath
from services.notifier.telling.telling import Telling, tellings
from services.notifier.transactions import transaction
from services.notifier.usual_prices import UsualPrices
from shared import metrics
from shared.deliveries import Unfinished, Wait
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.messages.notifications import Notice, Notification
from shared.topology import Lane
from shared.tracing import sending


@dataclass(slots=True)
class Try:
    """A telling, and what became of it on each device."""

    telling: Telling
    outcomes: dict[Device, Outcome] = field(default_factory=dict)


class Sender:
    """Sends and concludes.

    Args:
        engine: of the accounts database.
        gateway: the way to the devices.
        usual_prices: put what is told into perspective.
        clock: tells the instant in UTC.
        failpoints: where tests let the notifier die.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        gateway: Gateway,
        usual_prices: UsualPrices,
        clock: Callable[[], datetime],
        failpoints: Failpoints,
    ) -> None:
        self._engine = engine
        self._gateway = gateway
        self._usual_prices = usual_prices
        self._clock = clock
        self._failpoints = failpoints
        for verdict in Verdict:
            metrics.PUSHES.labels(verdict.value)  # shows zero

    async def send(self, lane: Lane, recorded: Recorded) -> dict[UUID, Unfinished]:
        """Send what is still this batch's to send; gives what of it has to come again, by id.

        Raises:
            UnavailableError: the database or the gateway is away, or the gateway lets nothing more through. What
                went out before that is written down.
        """
        if not recorded.to_send:
            return {}
        perspectives = await self._perspectives(lane, recorded.to_send)
        async with transaction(self._engine) as connection:
            claimed = await records.claim(
                connection, [notice.id for notice in recorded.to_send], recorded.days, recorded.sender
            )
            mine = [notice for notice in recorded.to_send if notice.id in claimed]
            tries = [Try(telling) for telling in tellings(mine, lane)]
            await self._push(tries, claimed, recorded.travellers, perspectives, lane)
            self._failpoints.hit("notifier.sent")
            now = self._clock()
            aftermaths = _aftermaths(tries, claimed, now)
            await records.conclude(connection, [one.record for one in aftermaths.values()], _leaders(tries), now)
            await devices.retire(connection, _dead(tries), now)
        self._failpoints.hit("notifier.marked")
        _count(tries, aftermaths)
        _observe([notice for notice in mine if notice.id not in recorded.held], aftermaths, now)
        _stop_if_told_to(aftermaths)
        return _elsewhere(recorded.to_send, claimed) | _unfinished(aftermaths)

    async def _perspectives(self, lane: Lane, notices: Sequence[Notice]) -> Mapping[UUID, Perspective]:
        """Ask while nothing is held; a digest says less of each firing."""
        return {} if lane is Lane.DIGEST else await self._usual_prices.perspectives(notices)

    async def _push(
        self,
        tries: Sequence[Try],
        claimed: Mapping[UUID, Record],
        people: Mapping[UUID, Traveller],
        perspectives: Mapping[UUID, Perspective],
        lane: Lane,
    ) -> None:
        pushes = [
            (one, Push(one.telling.told, device, _text(one.telling, device, perspectives), lane))
            for one in tries
            for device in one.telling.devices(people[one.telling.user_id].devices, claimed)
        ]
        if not pushes:
            return
        with sending(len(pushes)):
            outcomes = await self._gateway.send([push for _, push in pushes])
        for (one, push), outcome in zip(pushes, outcomes, strict=True):
            one.outcomes[push.device] = outcome


def _text(telling: Telling, device: Device, perspectives: Mapping[UUID, Perspective]) -> Text:
    return render(telling.told, device.locale, perspectives.get(telling.told.id))


def _aftermaths(tries: Sequence[Try], claimed: Mapping[UUID, Record], now: datetime) -> dict[UUID, Aftermath]:
    """Conclude each notification; all by one throw, so that what comes again comes together."""
    jitter = random.random()  # noqa: S311  # spreads load, hides nothing
    return {
        id_: aftermath(claimed[id_], {device.id: outcome for device, outcome in one.outcomes.items()}, now, jitter)
        for one in tries
        for id_ in one.telling.of
    }


def _leaders(tries: Sequence[Try]) -> dict[UUID, UUID]:
    return {id_: one.telling.told_with for one in tries if one.telling.told_with for id_ in one.telling.of}


def _dead(tries: Sequence[Try]) -> list[tuple[Device, str]]:
    dead = {
        device: outcome.reason
        for one in tries
        for device, outcome in one.outcomes.items()
        if outcome.verdict is Verdict.RETIRE
    }
    return list(dead.items())


def _elsewhere(to_send: Sequence[Notice], claimed: Mapping[UUID, Record]) -> dict[UUID, Unfinished]:
    """Have those come again that somebody took over, or reported of, since they were decided on."""
    return {notice.id: Wait(IN_HAND_ELSEWHERE, ELSEWHERE_S) for notice in to_send if notice.id not in claimed}


def _unfinished(aftermaths: Mapping[UUID, Aftermath]) -> dict[UUID, Unfinished]:
    return {id_: one.unfinished for id_, one in aftermaths.items() if one.unfinished}


def _stop_if_told_to(aftermaths: Mapping[UUID, Aftermath]) -> None:
    """Keep the batch in hand while nothing more can be sent: a waiting queue would only run dry."""
    for one in aftermaths.values():
        if one.stopped:
            raise UnavailableError("push_gateway", one.stopped)


def _count(tries: Sequence[Try], aftermaths: Mapping[UUID, Aftermath]) -> None:
    for one in aftermaths.values():
        metrics.NOTIFICATIONS.labels(one.record.state.value).inc()
    for outcome in (outcome for one in tries for outcome in one.outcomes.values()):
        metrics.PUSHES.labels(outcome.verdict.value).inc()
    for _, reason in _dead(tries):
        metrics.DEVICES_RETIRED.labels(reason).inc()


def _observe(notices: Sequence[Notice], aftermaths: Mapping[UUID, Aftermath], now: datetime) -> None:
    """Note how old the news was that went out; what has waited for its hour would only blur that."""
    for notice in notices:
        if isinstance(notice, Notification) and aftermaths[notice.id].record.state is State.SENT:
            metrics.OBSERVATION_TO_PUSH_SECONDS.observe((now - notice.fare.observed_at).total_seconds())
