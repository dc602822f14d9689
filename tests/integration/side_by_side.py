"""The fleet and the model of it, step by step: each step is taken by both, and both must publish and hold the same."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from shared.messages.evaluations import Evaluation
from shared.money import Rates as MoneyRates
from shared.topology import CHANGES, EVALUATIONS, FARES_INGEST, NOTIFICATIONS
from tests.integration.alert_model import Alert, Alerts, Moves, Told, first_day
from tests.integration.alert_world import Sighting, Wish
from tests.integration.board_model import Boards, Change, Rates, Work
from tests.integration.driven_fleet import Fleet, HeldWorker
from tests.integration.driven_messages import Handled, Message, fares_message
from tests.integration.message_meanings import (
    changes_of,
    commands_of,
    key_of,
    notices_of,
    seen_after,
    state_of,
    undo_of,
)
from tests.integration.notifier_model import Notifier
from tests.integration.travellers import Reply, Travellers

COMMITTED = {"alert_worker.claims_committed", "alert_worker.evaluations_committed"}
SILENT = {"alert_worker.matched", "alert_worker.evaluated"}


@dataclass
class SideBySide:
    fleet: Fleet
    travellers: Travellers
    alerts: Alerts
    boards: Boards = field(default_factory=Boards)
    price_rates: Rates = field(default_factory=dict)
    queued: list[Message] = field(default_factory=list)
    delivered: list[Message] = field(default_factory=list)
    batches: dict[bytes, tuple[list[Sighting], datetime]] = field(default_factory=dict)
    ids: dict[str, UUID] = field(default_factory=dict)
    claims: set[tuple[Any, ...]] = field(default_factory=set)
    arriving: dict[str, Alert] = field(default_factory=dict)  # edits cut short, nowhere yet
    held: tuple[HeldWorker, Work] | None = None
    loaded_at: datetime | None = None

    def __post_init__(self) -> None:
        self.notifier = Notifier(self.alerts, self.boards, lambda alert_id: self.names[alert_id])

    @property
    def now(self) -> datetime:
        return self.fleet.clock.now

    @property
    def names(self) -> dict[UUID, str]:
        return {alert_id: name for name, alert_id in self.ids.items()}

    @property
    def _first_day(self) -> date:
        return first_day(self.now)

    def tick(self, span: timedelta = timedelta(seconds=1)) -> None:
        self.fleet.clock.now += span

    # What travellers do.

    async def make(self, wish: Wish) -> None:
        reply = await self.travellers.make(wish)
        if reply.id:
            name = f"alert {len(self.ids) + 1}"
            self.ids[name] = reply.id
            self.alerts.make(name, wish)
            self._replied(name, reply)
        else:
            assert wish.departure_to < self._first_day

    async def edit(self, name: str, wish: Wish, failpoint: str = "") -> None:
        elsewhere = (await self.fleet.in_force()).shard_of
        old = self.alerts.alerts[name]
        moves = elsewhere(old.wish.route) != elsewhere(wish.route)
        failpoint = failpoint if moves else ""
        reply = await self.travellers.edit(self.ids[name], wish, failpoint)
        if reply.id:
            self.alerts.edit(name, wish)
            self._replied(name, reply)
        elif wish.departure_to >= self._first_day and failpoint == "alerts_api.edit_left":
            # On its way, and nowhere until the sweep finds it.
            self.alerts.edit(name, wish)
            self.arriving[name] = self.alerts.alerts.pop(name)
        else:
            assert failpoint or wish.departure_to < self._first_day

    async def pause(self, name: str) -> None:
        if self.alerts.alerts[name].state in {"active", "paused"}:
            await self.travellers.pause(self.ids[name])
            self.alerts.pause(name)

    async def resume(self, name: str) -> None:
        alert = self.alerts.alerts[name]
        if alert.state != "expired" and alert.wish.departure_to >= self._first_day:
            reply = await self.travellers.resume(self.ids[name])
            self.alerts.resume(name)
            self._replied(name, reply)

    async def delete(self, name: str) -> None:
        await self.travellers.delete(self.ids[name])
        del self.alerts.alerts[name]

    # What the fleet does.

    def publish(self, batch: list[Sighting]) -> None:
        message = fares_message(batch, self.now)
        self.batches[message.body] = batch, self.now
        self.queued.append(message)

    async def deliver(self, message: Message, failpoint: str = "") -> None:
        """Have a message handled, or begun to be; it is off its queue unless the handler ends at the failpoint."""
        self.queued.remove(message)
        handled = await self.fleet.handle(message, failpoint)
        self.queued += handled.published
        if handled.again:
            self.queued.append(handled.again)
        self.delivered.append(message)
        match message.queue:
            case FARES_INGEST.name:
                self._compared(message, handled, failpoint)
            case CHANGES.name:
                self._matched(message, handled, failpoint)
            case EVALUATIONS.name:
                self._evaluated(message, handled, failpoint)
            case _:
                self._notified(message, handled, failpoint)

    async def deliver_all(self) -> None:
        while self.queued:
            await self.deliver(self.queued[0])

    async def hold(self, message: Message) -> None:
        """Have a price worker publish its changes and take its time to write its boards, if it has any."""
        self.queued.remove(message)
        batch, made_at = self.batches[message.body]
        work = self.boards.begin(batch, made_at, self.now, self.price_rates)
        worker = await self.fleet.begin(message)
        self._same_changes(worker.published, work.changes)
        self.queued += worker.published
        self.held = worker, work
        if not worker.published:
            await self.let_go()

    async def let_go(self) -> None:
        if self.held:
            worker, work = self.held
            self.held = None
            published = await worker.finish()
            self._same_changes(published, self.boards.finish(work))
            self.queued += published

    async def sweep(self, failpoint: str = "") -> bool:
        """Finish edits that were cut short, and evaluate once more what is due; returns whether anything was."""
        await self.travellers.finish_arrivals()
        self._arrive()
        swept = [await self._sweep(shard, failpoint) for shard in self.fleet.shards.numbers]
        return any(swept)

    async def _sweep(self, shard: int, failpoint: str) -> bool:
        due, handled = await self.fleet.sweep(shard, failpoint)
        self.queued += handled.published
        moves: Moves = {}
        for alert_id, unproven in due.items():
            name = self.names[alert_id]
            if unproven or not self._stands_between(name):
                moves |= self._evaluation(name, fires=unproven)
        self._same_tidings(handled, moves, failpoint)
        if not handled.crashed or failpoint in COMMITTED:
            self._commit(moves)
        return bool(due)

    def _arrive(self) -> None:
        for name, alert in self.arriving.items():
            self.alerts.alerts[name] = replace(
                alert, armed=self.alerts.start(alert.wish), initial=self.alerts.start(alert.wish)
            )
        self.arriving.clear()

    async def load(self, rates: Rates, snapshot: MoneyRates, *, heard: bool) -> None:
        await self.fleet.load(snapshot, heard=heard)
        self.alerts.load(rates)
        self.alerts.reach = await self.fleet.reach()
        self.loaded_at = self.notifier.upset_at = self.now
        if heard:
            self.price_rates = rates

    async def expire(self, failpoint: str = "") -> None:
        """End what is over, on both shards."""
        for shard in self.fleet.shards.numbers:
            here = await self.fleet.routes_of(shard)
            ended = self.alerts.expire(self.now)
            moves = {name: move for name, move in ended.items() if move[0].wish.route in here}
            handled = await self.fleet.expire(shard, failpoint)
            self.queued += handled.published
            self._same_tidings(handled, moves, failpoint)
            if not handled.crashed:
                self._commit(moves)

    async def flush(self) -> None:
        await self.let_go()
        await self.fleet.flush()
        self.boards.rows.clear()
        self.notifier.upset_at = self.now

    async def move(self, route: str) -> None:
        if self.arriving:  # it would be refused for a minute
            await self.sweep()
        await self.fleet.move(route)
        self.alerts.reach = await self.fleet.reach()

    # Both sides are the same.

    async def same_alerts(self) -> None:
        """Every alert stands once, and as the model has it."""
        rows = await self.fleet.rows()
        found = {self.names[row.id]: state_of(row) for row in rows}
        assert len(found) == len(rows), "an alert stands on two shards"
        expected = {
            name: (
                alert.wish.route,
                alert.state,
                alert.armed,
                alert.initial,
                alert.revision,
                alert.fire_seq,
                alert.last_price,
                alert.last_fare,
                alert.watched,
            )
            for name, alert in self.alerts.alerts.items()
        }
        different = {name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)}
        assert not different, {name: (found.get(name), expected.get(name)) for name in different}

    def _same_changes(self, published: list[Message], expected: list[Change]) -> None:
        found = [change for message in published for change in changes_of(message)]
        assert Counter(found) == Counter(expected)

    def _same_tidings(self, handled: Handled, moves: Moves, failpoint: str) -> None:
        expected = [] if handled.crashed and failpoint in SILENT else [told for _, told in moves.values() if told]
        found = [
            self.notifier.content_of(notice)
            for message in handled.published
            if message.queue == NOTIFICATIONS.name
            for notice in notices_of(message)
        ]
        assert Counter(found) == Counter(expected)

    def _same_requests(self, handled: Handled, names: list[str]) -> None:
        found = [
            self.names[command.alert_id]
            for message in handled.published
            if message.queue == EVALUATIONS.name
            for command in commands_of(message)
        ]
        assert found == names

    def _replied(self, name: str, reply: Reply) -> None:
        """The API says what the best fare is, and asks for an evaluation."""
        self._same_requests(Handled(reply.asked), [name])
        best = self.alerts.best(self.alerts.alerts[name].wish, self.boards.available(self.now))
        found = reply.best and (reply.best.reference_price.amount, reply.best.price.amount, reply.best.origin)
        assert found == (best and (best[0], self.boards.rows[best[1]].price, best[1][0].origin))
        self.queued += reply.asked

    # What each message does to the model.

    def _compared(self, message: Message, handled: Handled, failpoint: str) -> None:
        batch, made_at = self.batches[message.body]
        if handled.crashed and failpoint == "price_worker.received":
            assert handled.published == []
            return
        work = self.boards.begin(batch, made_at, self.now, self.price_rates)
        self._same_changes(handled.published, work.changes)
        if not handled.crashed or failpoint == "price_worker.boards_written":
            assert self.boards.finish(work) == []

    def _matched(self, message: Message, handled: Handled, failpoint: str) -> None:
        parked = changes_of(handled.again) if handled.reason == "map_moved" and handled.again else []
        changes = [change for change in changes_of(message) if change not in parked]
        moves = self.alerts.match(changes, self.now)
        self._same_tidings(handled, moves, failpoint)
        if not handled.crashed or failpoint in COMMITTED:
            self._commit(moves)

    def _evaluated(self, message: Message, handled: Handled, failpoint: str) -> None:
        commands = commands_of(message)
        left = commands_of(handled.again) if handled.again and not handled.crashed else []
        if handled.reason == "board_behind":
            assert left == [command for command in commands if self._is_behind(command)]
            assert message.attempt == 0
        moves: Moves = {}
        for command in commands:
            if command not in left and self._is_there(command):
                moves |= self._evaluation(self.names[command.alert_id], command, fires=command.after is None)
        self._same_tidings(handled, moves, failpoint)
        if not handled.crashed or failpoint in COMMITTED:
            self._commit(moves)

    def _notified(self, message: Message, handled: Handled, failpoint: str) -> None:
        notices = notices_of(message)
        waiting = notices_of(handled.again) if handled.reason == "map_moved" and handled.again else []
        verdicts = self.notifier.judge([notice for notice in notices if notice not in waiting])
        self._same_requests(handled, self.notifier.unseen(verdicts))
        if handled.crashed and failpoint == "notifier.evaluations_confirmed":
            return
        self.notifier.park(waiting)
        self.notifier.decide(verdicts)
        if not (handled.crashed and failpoint == "notifier.recorded"):
            self.notifier.push(verdicts, marked=not (handled.crashed and failpoint == "notifier.sent"))

    def _evaluation(self, name: str, command: Evaluation | None = None, *, fires: bool) -> Moves:
        undo = undo_of(command) if command else None
        return self.alerts.evaluate(name, self.boards.available(self.now), self.now, undo, fires=fires)

    def _is_there(self, command: Evaluation) -> bool:
        alert = self.alerts.alerts.get(self.names[command.alert_id])
        return alert is not None and alert.wish.route == command.route

    def _stands_between(self, name: str) -> bool:
        """Whether the watched fare is reason enough to leave an alert alone; if not, it is deaf at rest."""
        alert = self.alerts.alerts[name]
        if alert.watched is None:
            return False
        row = self.boards.available(self.now).get(alert.watched.fare)
        return row is not None and alert.armed < self.alerts.in_euros(alert.watched.fare, row.price) <= alert.initial

    def _is_behind(self, command: Evaluation) -> bool:
        """Whether the board shows the fare as it was before the sighting that led to this."""
        after = seen_after(command)
        row = self.boards.rows.get(after[0]) if after else None
        return after is not None and row is not None and row.observed_at < after[1]

    def _commit(self, moves: Moves) -> None:
        self.alerts.commit(moves)
        self.claims |= {key_of(told) for _, told in moves.values() if isinstance(told, Told)}
