"""Evaluates alerts on the boards: on command, or when their time has come once more."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
from shared.alerts.rules import CHECK_AFTER
from shared.deliveries import Context
from shared.messages.evaluations import Evaluation, Sighting
from shared.shards import Shards, ShardTransaction

# A price worker publishes a change and then writes its board: milliseconds apart, unless it has to wait.
_LOOKS: Final = 20
_LOOK_EVERY_S: Final = 0.05
# A watched fare may leave without a change: it departs, or no source confirms it any more.
_WATCHED_EVERY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Locks alerts, reads their boards and moves them on."""

    claims: Claims
    shards: Shards
    available: AvailableFares

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
        behind = await self._behind(commands) if patient else frozenset()
        # Of several commands for one alert the last firing counts.
        wanted = {command.alert_id: command for command in sorted(commands, key=_unseen)}
        async with self.shards.transaction(shard, buckets) as transaction:
            alerts = [
                alert
                for alert in await store.lock(transaction, list(wanted))
                if alert.filters.route == wanted[alert.id].route
            ]
            known = await self._known(alerts, transaction)
            ready = [alert for alert in alerts if wanted[alert.id].after not in behind]
            transitions = await self._evaluate(transaction, ready, known, wanted, context)
        self._count(shard, transitions)
        return [command for command in wanted.values() if command.after in behind]

    async def once_more(self, shard: int, most: int) -> int:
        """Evaluate alerts of a shard whose time has come; returns how many there were, up to `most`."""
        now = self.available.clock()
        async with self.shards.transaction(shard, ()) as transaction:
            due = await store.lock_due(transaction, now, most)
            undecided = await self._undecided(transaction, due)
            known = await self._known(undecided, transaction)
            await store.checked(transaction.driver, due, now + _WATCHED_EVERY)
            transitions = await self._evaluate(transaction, undecided, known, {}, Context())
        self._count(shard, transitions)
        return len(due)

    async def _behind(self, commands: Sequence[Evaluation]) -> frozenset[Sighting]:
        """The sightings that their boards do not show, once their price workers had a moment to write them."""
        behind = frozenset(command.after for command in commands if command.after)
        for _ in range(_LOOKS):
            if not (behind := await self.available.behind(behind)):
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        return behind

    async def _evaluate(
        self,
        transaction: ShardTransaction,
        alerts: Sequence[LockedAlert],
        known: KnownFares,
        commands: Mapping[UUID, Evaluation],
        context: Context,
    ) -> list[Transition]:
        first, now = self.available.first_departure, self.available.clock()
        transitions = []
        for alert in alerts:
            command = commands.get(alert.id)
            unseen, after = (command.unseen, command.after) if command else (None, None)
            transition = evaluate(
                alert,
                known.best(alert.filters, first),
                unseen,
                settled=_is_settled(alert, known, after, now),
                fires=after is None if command else alert.unproven,
            )
            if transition != standing(alert):
                transitions.append(transition)
        self.claims.failpoints.hit("alert_worker.evaluated")
        await self.claims.make(transaction, transitions, (), now, context)
        return transitions

    async def _known(self, alerts: Sequence[LockedAlert], transaction: ShardTransaction) -> KnownFares:
        return await self.available.wanted_by([alert.filters for alert in alerts], transaction.rates.amounts)

    async def _undecided(self, transaction: ShardTransaction, due: Sequence[LockedAlert]) -> list[LockedAlert]:
        """Leave out the alerts whose watched fare alone says that nothing is to be done: a board is enough."""
        watched = [alert.watched[0] for alert in due if alert.watched]
        keys = np.unique(np.array(watched, dtype=np.uint64))
        known = await self.available.on(keys, transaction.rates.amounts)
        return [alert for alert in due if not _stands_between(alert, known)]

    def _count(self, shard: int, transitions: Sequence[Transition]) -> None:
        self.claims.failpoints.hit("alert_worker.evaluations_committed")
        metrics.CLAIMS.labels(self.shards.name(shard)).inc(sum(bool(each.firing) for each in transitions))


def _unseen(command: Evaluation) -> int:
    return command.unseen.fire_seq if command.unseen else 0


def _is_settled(alert: LockedAlert, known: KnownFares, after: Sighting | None, now: datetime) -> bool:
    """Whether what fired the alert last is on its board: long since, or the fare has been seen there again."""
    if alert.last_fired_at is None or now >= alert.last_fired_at + CHECK_AFTER:
        return True
    return after is not None and (after.board, after.fare) == alert.watched and _shows(known, after)


def _shows(known: KnownFares, sighting: Sighting) -> bool:
    """Whether the board shows this sighting of the fare, or a later one."""
    fare = known.of(sighting.board, sighting.fare)
    return fare is not None and fare.observed_at >= sighting.observed_at.timestamp() * 1000


def _stands_between(alert: LockedAlert, known: KnownFares) -> bool:
    """Whether the watched fare still keeps the alert from recovering, and does not fire it."""
    fare = known.of(*alert.watched) if alert.watched else None
    return fare is not None and alert.armed_price < fare.reference_price <= alert.initial_price
