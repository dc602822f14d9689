"""Evaluates alerts on the boards: on command, or when their time has come once more."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import numpy as np

from services.alert_worker import store
from services.alert_worker.claiming import Claims
from services.alert_worker.evaluation import evaluate
from services.alert_worker.transitions import LockedAlert, Transition, standing
from shared import metrics
from shared.alerts.available_fares import AvailableFares
from shared.alerts.best_fare import KnownFares
from shared.deliveries import Context
from shared.messages.evaluations import Evaluation, Sighting
from shared.messages.fare_key import unpack_board
from shared.shards import Shards, ShardTransaction

# A price worker publishes a change and then writes its board: milliseconds apart, unless it has to wait.
_LOOKS: Final = 20
_LOOK_EVERY_S: Final = 0.05
# A watched fare may leave without a change: it departs, or no source confirms it any more.
_WATCHED_EVERY: Final = timedelta(days=1)


# While changes come in, what is only to be made sure of can wait; but not for ever.
_GIVES_WAY_FOR: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Locks alerts, reads their boards and moves them on.

    Attributes:
        claims: publishes and writes.
        shards: where the alerts are.
        available: fares on the boards.
        busy: whether there are changes to be matched, which go first.
    """

    claims: Claims
    shards: Shards
    available: AvailableFares
    busy: Callable[[], bool]

    async def on_command(
        self, shard: int, buckets: set[int], commands: Sequence[Evaluation], context: Context, *, patient: bool
    ) -> list[Evaluation]:
        """Evaluate alerts of one shard.

        Args:
            shard: that holds their routes.
            buckets: of their routes.
            commands: an alert that has left its route is passed over: whoever moved it had it evaluated.
            context: of the message.
            patient: leave alone what is to be evaluated after a sighting that its board does not show yet.

        Returns:
            What was left alone.

        Raises:
            UnavailableError: the shard, Redis or the broker cannot be reached.
            MapMovedError: the shard does not hold one of the buckets.
        """
        behind = await self._behind(commands, _LOOKS if patient else 1)
        wanted = _by_alert(commands)
        left = [own[-1] for own in wanted.values() if patient and own[-1].after in behind]
        async with self.shards.transaction(shard, buckets) as transaction:
            locked = await store.lock(transaction, [id_ for id_, own in wanted.items() if own[-1] not in left])
            alerts = [alert for alert in locked if alert.filters.route == wanted[alert.id][-1].route]
            known = await self._known(alerts, transaction)
            transitions = [self._evaluate(alert, known, wanted[alert.id], behind) for alert in alerts]
            await self._make(transaction, transitions, context)
        self._count(shard, transitions)
        return left

    async def once_more(self, shard: int, most: int) -> int:
        """Evaluate alerts of a shard whose time has come; returns how many there were, up to `most`.

        While changes come in only those are evaluated whose time came some minutes ago.
        """
        now = self.available.clock()
        due_by = now - _GIVES_WAY_FOR if self.busy() else now
        async with self.shards.transaction(shard, ()) as transaction:
            due = await store.lock_due(transaction, due_by, most)
            undecided = await self._undecided(transaction, due)
            known = await self._known(undecided, transaction)
            await store.checked(transaction.driver, due, now + _WATCHED_EVERY)
            transitions = [self._evaluate(alert, known) for alert in undecided]
            await self._make(transaction, transitions, Context())
        self._count(shard, transitions)
        return len(due)

    async def _behind(self, commands: Sequence[Evaluation], looks: int) -> frozenset[Sighting]:
        """The sightings that their boards do not show, once their price workers had a moment to write them."""
        behind = frozenset(command.after for command in commands if command.after)
        for look in range(looks):
            if look:
                await asyncio.sleep(_LOOK_EVERY_S)
            if not (behind := await self.available.behind(behind)):
                break
        return behind

    def _evaluate(
        self,
        alert: LockedAlert,
        known: KnownFares,
        commands: Sequence[Evaluation] = (),
        behind: frozenset[Sighting] = frozenset(),
    ) -> Transition:
        """What becomes of an alert: on command, or without one because its time has come."""
        command = commands[-1] if commands else None
        transition = evaluate(
            alert,
            known.best(alert.filters, self.available.first_departure),
            [each.unseen for each in commands if each.unseen],
            settled=self._is_settled(alert, known),
            fires=command.after is None if command else alert.unproven,
        )
        late = command is not None and command.after in behind
        return replace(transition, check=True) if late else transition

    async def _make(self, transaction: ShardTransaction, transitions: Sequence[Transition], context: Context) -> None:
        self.claims.failpoints.hit("alert_worker.evaluated")
        moved = [transition for transition in transitions if transition != standing(transition.alert)]
        await self.claims.make(transaction, moved, (), self.available.clock(), context)

    async def _known(self, alerts: Sequence[LockedAlert], transaction: ShardTransaction) -> KnownFares:
        return await self.available.wanted_by([alert.filters for alert in alerts], transaction.rates.amounts)

    async def _undecided(self, transaction: ShardTransaction, due: Sequence[LockedAlert]) -> list[LockedAlert]:
        """Leave out alerts that were proven before and whose watched fare says that nothing is to be done."""
        watched = [alert.watched[0] for alert in due if alert.watched]
        keys = np.unique(np.array(watched, dtype=np.uint64))
        known = await self.available.on(keys, transaction.rates.amounts)
        return [alert for alert in due if alert.unproven or not _stands_between(alert, known)]

    def _is_settled(self, alert: LockedAlert, known: KnownFares) -> bool:
        """Whether the boards show the watched fare as it was when last seen, or later, or it must be gone.

        That it is merely not there may mean that the boards were lost.
        """
        if alert.watched is None:
            return True
        fare = known.of(*alert.watched)
        if fare is not None:
            return fare.observed_at >= alert.watched_at
        departed = unpack_board(alert.watched[0]).departure_date < self.available.first_departure
        return departed or alert.watched_at < self.available.stale_before

    def _count(self, shard: int, transitions: Sequence[Transition]) -> None:
        self.claims.failpoints.hit("alert_worker.evaluations_committed")
        metrics.CLAIMS.labels(self.shards.name(shard)).inc(sum(bool(each.firing) for each in transitions))


def _by_alert(commands: Sequence[Evaluation]) -> dict[UUID, list[Evaluation]]:
    """The commands for each alert: the last one counts, but which of them undoes its last firing only its row says."""
    wanted: dict[UUID, list[Evaluation]] = {}
    for command in sorted(commands, key=lambda command: command.unseen is not None):
        wanted.setdefault(command.alert_id, []).append(command)
    return wanted


def _stands_between(alert: LockedAlert, known: KnownFares) -> bool:
    """Whether the watched fare still keeps the alert from recovering, and does not fire it."""
    fare = known.of(*alert.watched) if alert.watched else None
    return fare is not None and alert.armed_price < fare.reference_price <= alert.initial_price
