"""Whatever travellers, sources and faults do, and in whatever order messages come: alerts are as the model has them.

Compared after every step: the changes, notifications and requests for evaluation that it published, and every
alert's shard, state, armed and initial price, revision, fire count, last price and fare, and watched fare. The
model is told which message was handled and at which failpoint the handler ended, so no reordering or repetition need
be left out. It is also told what the sweep finds due, and which of that was written shortly before.

Compared when all has come to rest, that is when every message is delivered and every alert evaluated once more:
what was recorded and pushed, once each; that all that was claimed is recorded; that nobody is told twice of a price
that has stood since; that no active alert is deaf to a fare at or below its armed price, unless rates alone have put
it there; and that an alert whose fares are all above its initial price again is armed at it, unless the boards do not
show yet what it watches, or a daily check has still to find that gone.

Not compared: when alerts are evaluated again; and, where a crash rolled back a claim whose notification was out, the
previous and the armed price of the record: a repeated claim of the same fare and price keeps the first one's.

`FARELARK_STATEFUL_EXAMPLES` makes it run longer, `FARELARK_STATEFUL_SEED` elsewhere, and `FARELARK_STATEFUL_SHRINK`
shrinks what it finds, which takes minutes.
"""

import os
from collections.abc import Coroutine
from datetime import timedelta
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared.money import Rates
from shared.topology import FARES_INGEST
from tests.integration.alert_world import ABOVE_ALL, LIFETIME, Sighting, Wish, batches, wishes
from tests.integration.at_rest import AFTER_CHECK, settle
from tests.integration.driven_fleet import ROUTES
from tests.integration.fleet_servers import FIRST_RATES_DATE
from tests.integration.stateful_world import World, world

EXAMPLES = int(os.environ.get("FARELARK_STATEFUL_EXAMPLES", "40"))
SEED = os.environ.get("FARELARK_STATEFUL_SEED") or None
STEPS = 50

FACTORS = [Fraction(1), Fraction(9, 10), Fraction(11, 10), Fraction(97, 96)]

FAILPOINTS = {
    "fares.ingest": ["price_worker.received", "price_worker.changes_confirmed", "price_worker.boards_written"],
    "changes": ["alert_worker.matched", "alert_worker.notifications_confirmed", "alert_worker.claims_committed"],
    "evaluations": [
        "alert_worker.evaluated",
        "alert_worker.notifications_confirmed",
        "alert_worker.evaluations_committed",
    ],
    "notifications": ["notifier.recorded", "notifier.evaluations_confirmed", "notifier.sent", "notifier.marked"],
}
# Half a day, and longer than a fare counts as available.
SPANS = {"hours": timedelta(hours=13), "days": LIFETIME + timedelta(days=1)}
DEEDS = ["make", "edit", "edit", "pause", "resume", "resume", "delete"]
RARELY = ["sweep", "sweep", "sweep", "move", "rates", "rates", "rates", "flush", *SPANS]
picks = st.integers(0, 2**16)
crashes = st.sampled_from([None, None, None, 0, 1, 2, 3])


class AlertsMachine(RuleBasedStateMachine):
    """Steps of travellers, sources, workers and operators."""

    world: World

    @initialize(wanted=st.lists(wishes(), min_size=3, max_size=6), batch=batches)
    def begin(self, wanted: list[Wish], batch: list[Sighting]) -> None:
        self.both = self.world.begin()
        self.days_of_rates = 0
        self.both.publish(batch)
        for wish in wanted:
            self.step(self.both.make(wish))

    def do(self, step: Coroutine[Any, Any, object]) -> None:
        self.world.do(step)

    def step(self, step: Coroutine[Any, Any, object]) -> None:
        self.both.tick()
        self.do(step)

    def named(self, pick: int) -> str:
        names = list(self.both.alerts.alerts)
        return names[pick % len(names)]

    def any_message(self) -> bool:
        return bool(self.both.queued)

    @rule(what=st.sampled_from(DEEDS), pick=picks, wish=wishes())
    def wish(self, what: str, pick: int, wish: Wish) -> None:
        if what == "make" or not self.both.alerts.alerts:
            self.step(self.both.make(wish))
            return
        name = self.named(pick)
        match what:
            case "edit":
                self.step(self.both.edit(name, wish, ["", "alerts_api.edit_arrived", "alerts_api.edit_left"][pick % 3]))
            case "pause":
                self.step(self.both.pause(name))
            case "resume":
                self.step(self.both.resume(name))
            case _:
                self.step(self.both.delete(name))

    @rule(batch=batches)
    def publish(self, batch: list[Sighting]) -> None:
        self.both.tick()
        self.both.publish(batch)

    @rule(batch=batches)
    def flow(self, batch: list[Sighting]) -> None:
        """As on most days: a batch comes, and all that is to be done about it is done."""
        self.both.tick()
        self.both.publish(batch)
        self.step(self.both.deliver_all())

    @rule(alone=st.booleans(), settled=st.booleans())
    @precondition(lambda self: self.both.boards.rows)
    def rise(self, alone: bool, settled: bool) -> None:
        """The cheapest fare, or all of them, go so high that alerts recover."""
        rows = self.both.boards.rows
        cheapest_first = sorted(rows, key=lambda fare: (rows[fare].reference, str(fare)))
        self.flow([Sighting(*fare, ABOVE_ALL, timedelta()) for fare in cheapest_first[: 1 if alone else None]])
        if settled:
            self.step(settle(self.both))

    @rule(batch=batches)
    def flow_and_settle(self, batch: list[Sighting]) -> None:
        """And nothing comes for a while after it."""
        self.flow(batch)
        self.step(settle(self.both))

    @rule(batch=batches, wish=wishes(), pick=picks)
    @precondition(lambda self: not self.both.held)
    def change_meanwhile(self, batch: list[Sighting], wish: Wish, pick: int) -> None:
        """An alert is made, edited or resumed while changes that have been matched are not yet on their boards."""
        self.both.tick()
        self.both.publish(batch)
        self.step(self.both.hold(self.both.queued[-1]))
        self.step(self.both.deliver_all())
        self.wish(["make", "edit", "edit", "resume"][pick % 4], pick, wish)
        self.step(self.both.deliver_all())
        self.step(self.both.let_go())

    def load_rates(self, pick: int, heard: bool) -> None:
        """A dollar and a hundred yen become worth so many euros."""
        dollars, yen = FACTORS[pick % 4], FACTORS[pick // 4 % 4]
        self.days_of_rates += 1
        factors = {"EUR": (1, 1), "USD": dollars.as_integer_ratio(), "JPY": yen.as_integer_ratio()}
        rates = {"EUR": Fraction(1), "USD": 1 / dollars, "JPY": 100 / yen}
        snapshot = Rates(FIRST_RATES_DATE + timedelta(days=self.days_of_rates), "EUR", factors)
        self.step(self.both.load(rates, snapshot, heard=heard))

    @rule(pick=picks, crash=crashes)
    @precondition(any_message)
    def deliver(self, pick: int, crash: int | None) -> None:
        message = self.both.queued[pick % len(self.both.queued)]
        points = FAILPOINTS[message.queue]
        self.step(self.both.deliver(message, "" if crash is None else points[crash % len(points)]))

    @rule(shuffled=st.randoms(use_true_random=False))
    @precondition(any_message)
    def deliver_shuffled(self, shuffled: Random) -> None:
        """All that is queued now, in any order; what follows from it waits."""
        messages = list(self.both.queued)
        shuffled.shuffle(messages)
        for message in messages:
            self.step(self.both.deliver(message))

    @rule(pick=picks)
    @precondition(lambda self: self.both.delivered)
    def deliver_once_more(self, pick: int) -> None:
        self.both.queued.append(self.both.delivered[-1 - pick % len(self.both.delivered)])

    @rule(pick=picks)
    @precondition(lambda self: not self.both.held and any(m.queue == FARES_INGEST.name for m in self.both.queued))
    def hold(self, pick: int) -> None:
        fares = [message for message in self.both.queued if message.queue == FARES_INGEST.name]
        self.step(self.both.hold(fares[pick % len(fares)]))

    @rule()
    @precondition(lambda self: self.both.held)
    def let_go(self) -> None:
        self.step(self.both.let_go())

    @rule(what=st.sampled_from(RARELY), pick=picks, heard=st.booleans())
    def rarely(self, what: str, pick: int, heard: bool) -> None:
        """One rule for all that would keep an example from anything else."""
        match what:
            case "sweep":
                self.do(self.both.let_go())
                self.both.tick(AFTER_CHECK)
                self.do(self.both.sweep(FAILPOINTS["evaluations"][pick % 3] if heard else ""))
            case "move":
                self.step(self.both.move(ROUTES[pick % len(ROUTES)]))
            case "rates":
                self.load_rates(pick, heard)
            case "flush":
                self.step(self.both.flush())
                # Whatever is evaluated now finds nothing.
                self.both.tick(AFTER_CHECK)
                self.do(self.both.sweep())
            case _:
                self.do(self.both.let_go())
                self.both.tick(SPANS[what])
                self.do(self.both.expire("alert_worker.expiries_confirmed" if heard else ""))

    @invariant()
    def alerts_are_the_same(self) -> None:
        self.do(self.both.same_alerts())

    def teardown(self) -> None:
        if hasattr(self, "both"):
            self.do(settle(self.both))


__all__ = ["world"]


@pytest.mark.timeout(0)
def test_alerts_are_as_the_model_has_them_whatever_happens(world: World) -> None:
    machine = type("AlertsMachine", (AlertsMachine,), {"world": world})
    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=SEED is None,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate] + [Phase.shrink] * (os.environ.get("FARELARK_STATEFUL_SHRINK") is not None),
        suppress_health_check=list(HealthCheck),
    )
    run = seed(int(SEED))(machine) if SEED else machine
    run_state_machine_as_test(run, settings=chosen)
