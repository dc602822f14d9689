"""Records notices and decides what becomes of them, before anything is sent.

In one short transaction that holds their travellers: whoever decides for one of these at the same time comes after it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notifier import records
from services.notifier.deciding import travellers
from services.notifier.deciding.policy import Rules
from services.notifier.deciding.ruling import Ruling, Traveller, rule, to_decide, to_wait, unseen
from services.notifier.deciding.travellers import Wished
from services.notifier.states import Record, State
from services.notifier.transactions import transaction
from services.notifier.vetting.evaluations import ask_to_undo
from shared import metrics
from shared.broker.broker import Broker
from shared.deliveries import Park, Unfinished
from shared.failpoints import Failpoints
from shared.messages.notifications import Notice, Notification
from shared.topology import Lane

_KEPT_BACK: Final = {State.HELD, State.SUPPRESSED, State.DROPPED}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was decided on a batch.

    Attributes:
        sender: whose those are that are to be sent now.
        to_send: these, in the order of their delivery.
        days: under which these are filed.
        travellers: of these, by user.
        held: those of these that have waited for their hour.
        unfinished: what has to come again, by id.
    """

    sender: UUID
    to_send: Sequence[Notice]
    days: frozenset[date]
    travellers: Mapping[UUID, Traveller]
    held: frozenset[UUID]
    unfinished: Mapping[UUID, Unfinished]


class Recorder:
    """Records and decides.

    Args:
        engine: of the accounts database.
        broker: takes the word of what nobody will see to the alert workers.
        rules: what holds for every traveller.
        clock: tells the instant in UTC.
        failpoints: where tests let the notifier die.
    """

    def __init__(
        self, engine: AsyncEngine, broker: Broker, rules: Rules, clock: Callable[[], datetime], failpoints: Failpoints
    ) -> None:
        self._engine = engine
        self._broker = broker
        self._rules = rules
        self._clock = clock
        self._failpoints = failpoints

    async def record(self, lane: Lane, notices: Mapping[UUID, Notice], withheld: Mapping[UUID, Ruling]) -> Recorded:
        """Decide on these notices, and write it down.

        Args:
            lane: from which they come.
            notices: by id.
            withheld: what becomes of those that are not to be sent whatever their travellers wish.

        Raises:
            UnavailableError: the database is away, or the broker; nothing is written.
        """
        sender, now = uuid4(), self._clock()
        async with transaction(self._engine) as connection:
            wished = await travellers.lock(connection, {notice.user_id for notice in notices.values()})
            known = {id_: notice for id_, notice in notices.items() if notice.user_id in wished}
            standing = await records.find(connection, known.values()) if known else {}
            deciding = to_decide(known.values(), standing, lane, now)
            people = await self._load(connection, wished, deciding, now)
            rulings = rule(deciding, standing, withheld, people, lane, self._rules, now)
            await self._undo([known[id_] for id_ in unseen(known, standing, rulings)])
            await records.write(connection, known, standing, rulings, sender, now)
        _count(rulings.values(), gone=len(notices) - len(known))
        to_send = [notice for notice in deciding if rulings[notice.id].state is State.SENDING]
        return Recorded(
            sender,
            to_send=to_send,
            days=frozenset(_filed_under(notice, standing.get(notice.id)) for notice in to_send),
            travellers=people,
            held=frozenset(id_ for id_, record in standing.items() if record and record.release_at),
            unfinished=to_wait(standing, now) | _parked(rulings),
        )

    async def _load(
        self, connection: AsyncConnection, wished: Mapping[UUID, Wished], deciding: Sequence[Notice], now: datetime
    ) -> dict[UUID, Traveller]:
        if not deciding:
            return {}
        theirs = {user: wished[user] for user in {notice.user_id for notice in deciding}}
        alerts = {notice.id: notice.alert_id for notice in deciding}
        return await travellers.load(connection, theirs, alerts, now, caps=self._rules.caps)

    async def _undo(self, notices: Collection[Notice]) -> None:
        """Let alerts be as if they had not fired, before it is recorded that their users were not told."""
        firings = [notice for notice in notices if isinstance(notice, Notification)]
        if firings:
            await ask_to_undo(self._broker, firings)
            self._failpoints.hit("notifier.evaluations_confirmed")


def _filed_under(notice: Notice, record: Record | None) -> date:
    """Return the day of its row, which may be that of an earlier copy of it."""
    return record.fired_on if record else notice.day


def _parked(rulings: Mapping[UUID, Ruling]) -> dict[UUID, Unfinished]:
    """Return those whose alerts cannot be read now."""
    return {id_: Park(ruling.reason) for id_, ruling in rulings.items() if ruling.state is State.QUEUED}


def _count(rulings: Iterable[Ruling], gone: int) -> None:
    for state, reason in [(ruling.state, ruling.reason) for ruling in rulings] + [(State.DROPPED, "user_gone")] * gone:
        if state is not State.SENDING:
            metrics.NOTIFICATIONS.labels(state.value).inc()
        if state in _KEPT_BACK:
            metrics.NOTIFICATIONS_KEPT_BACK.labels(state.value, reason).inc()
