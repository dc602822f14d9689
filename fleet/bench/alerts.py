"""How fast the alert stage is: from the queue to confirmed notifications and committed claims.

A fleet of its own runs alert workers only, on shards full of invented alerts. Changes go through the queue and
the workers, and as many of the same kind through the same SQL alone, without queue, decoding and notifications:
the ceiling. Neither profits from its place. The ceiling runs one half before and one half after, for with every
claim there is less to claim; as many changes that do not count come first, for at first there is much more; and all
begin on vacuumed shards with nothing left to write out.

It is the steady speed: the clock starts when a quarter more has gone through, by which time the queue is full.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import numpy as np
import psutil

from fleet.addresses import Addresses
from fleet.bench.market import Market
from fleet.bench.patience import PATIENCE_S, Patience, StuckError
from fleet.bench.peak_memory import peak_mb
from fleet.bench.rehearsal import perform, rehearse
from fleet.bench.synthetic_alerts import Alerts, fill
from fleet.bench.synthetic_changes import Changes
from fleet.chain import Chain, open_chain
from fleet.workers import only
from services.alert_worker.settings import Settings
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.messages.batches import ARROW, encode
from shared.messages.changes import CHANGES
from shared.shards import Shards
from shared.topology import CHANGES as CHANGES_EXCHANGE

ONLY_ALERT_WORKERS: Final = only("alert_worker")
# So a change meets as many alerts whatever the size of the bench.
_ALERTS_A_ROUTE: Final = 2_000
_WARM_UP_SHARE: Final = 0.25  # of the changes that count
_ALERTS_SEED, _CALMING_SEED, _FIRST_SEED, _WHOLE_SEED, _LAST_SEED = range(5)
_MEASURED: Final = 100  # apart from the seed of what goes before
_LOOK_EVERY_S: Final = 0.05
_MATCHED: Final = "farelark_changes_matched_total"
_CLAIMED: Final = "farelark_claims_total"
# Sweeps evaluate what was claimed once more: what the ceiling claims they shall leave alone.
_AFTER_THE_BENCH: Final = timedelta(hours=2)

Say = Callable[[str], None]
Supply = Callable[[int, int], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How big the bench is, and how many workers share the queue."""

    alerts: int
    changes: int
    workers: int


@dataclass(frozen=True, slots=True)
class Run:
    """What some changes took and did; two add up."""

    seconds: float
    changes: int
    claims: int

    def __add__(self, other: "Run") -> "Run":
        """Both, one after the other."""
        return Run(self.seconds + other.seconds, self.changes + other.changes, self.claims + other.claims)

    def __sub__(self, earlier: "Run") -> "Run":
        """What came after."""
        return Run(self.seconds - earlier.seconds, self.changes - earlier.changes, self.claims - earlier.claims)

    @property
    def speed(self) -> float:
        """In changes a second."""
        return self.changes / self.seconds


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of one run; the first ones are of the measured changes, `ratio` is of their speed to the ceiling."""

    alerts: int
    changes: int
    shards: int
    workers: int
    seconds: float
    changes_per_second: int
    claims: int
    matches_per_second: int
    sql_only_changes_per_second: int
    sql_only_claims: int
    ratio: float
    worker_peak_mb: int


async def measure(addresses: Addresses, plan: Plan, say: Say, filled: Callable[[int], None]) -> Result:
    """Measure on a running fleet of alert workers with empty shards.

    Args:
        addresses: of the fleet.
        plan: of which the fleet has the workers.
        say: is told of each step.
        filled: is told how many alerts were made since it was last told.

    Raises:
        ExceptionGroup: of StuckError, where the workers have matched nothing for a minute, or of UnavailableError.
        UnavailableError: a server was lost on the way.
        ConfigurationError: a shard has alerts.
    """
    now = datetime.now(UTC)
    supply = await _fill(addresses.shards, plan.alerts, now, filled)
    ceiling = Ceiling(addresses.shards, supply, plan.workers * int(Settings.model_fields["concurrency"].default), now)
    say("letting the alerts fire that are nearest to it")
    await ceiling.run(_CALMING_SEED, plan.changes)
    say("running the SQL alone")
    bare = await ceiling.run(_FIRST_SEED, plan.changes // 2)
    say("running queue and workers")
    whole = await _measure(addresses, supply, plan.changes)
    peak = max(peak_mb(service.pid) for service in addresses.services)
    await _stop_workers(addresses)
    say("running the SQL alone once more")
    bare += await ceiling.run(_LAST_SEED, plan.changes - plan.changes // 2)
    return Result(
        alerts=plan.alerts,
        changes=whole.changes,
        shards=len(addresses.shards),
        workers=plan.workers,
        seconds=round(whole.seconds, 3),
        changes_per_second=round(whole.speed),
        claims=whole.claims,
        matches_per_second=round(whole.claims / whole.seconds),
        sql_only_changes_per_second=round(bare.speed),
        sql_only_claims=bare.claims,
        ratio=round(whole.speed / bare.speed, 3),
        worker_peak_mb=peak,
    )


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The SQL alone, as many batches at once as the workers have in work.

    Attributes:
        shards: their addresses.
        supply: of changes.
        at_once: batches.
        now: when it claims, and more: the sweeps shall leave that alone.
    """

    shards: Sequence[str]
    supply: Supply
    at_once: int
    now: datetime

    async def run(self, seed: int, changes: int) -> Run:
        """Run it with so many changes."""
        warm_up = list(self.supply(seed, _warm_up(changes)))
        bodies = [*warm_up, *self.supply(seed + _MEASURED, changes)]
        rehearsal = await rehearse(self.shards, bodies, self.now + _AFTER_THE_BENCH)
        await _settle(self.shards)
        seconds = await perform(self.shards, rehearsal.scripts, self.at_once, unmeasured=len(warm_up))
        return Run(seconds, changes, sum(rehearsal.claims[len(warm_up) :]))


async def _fill(urls: Sequence[str], alerts: int, now: datetime, filled: Callable[[int], None]) -> Supply:
    """Fill the shards; returns what gives batches of changes by a seed and their number."""
    shards = Shards.at(urls, application="bench", pool_size=1)
    async with shards.transaction(0, ()) as transaction:
        rates = transaction.rates.rates
    market = Market(-(-alerts // _ALERTS_A_ROUTE), np.random.default_rng(_ALERTS_SEED))
    wishes = Alerts(market, _ALERTS_SEED, now.date(), rates.date)
    await fill(urls, await shards.current_map(), wishes.batches(alerts), filled)
    await shards.close()
    return lambda seed, count: (encode(CHANGES, batch) for batch in Changes(market, seed, rates, now).batches(count))


async def _measure(addresses: Addresses, supply: Supply, changes: int) -> Run:
    """Queue and workers, as long as the queue holds as many changes as count."""
    warm_up = _warm_up(changes)
    bodies = [*supply(_WHOLE_SEED, warm_up), *supply(_WHOLE_SEED + _MEASURED, changes)]
    await _settle(addresses.shards)
    broker = await Broker.connect(addresses.amqp, "bench")
    async with open_chain(addresses) as chain, asyncio.TaskGroup() as publishing:
        publishing.create_task(_publish(broker, bodies))
        begun, _ = await looks_around(chain, warm_up)
        _, ended = await looks_around(chain, warm_up + changes)
    await broker.close()
    return ended - begun


def _warm_up(changes: int) -> int:
    return math.ceil(changes * _WARM_UP_SHARE)


async def _publish(broker: Broker, bodies: Iterable[bytes]) -> None:
    await broker.publish_all(Outgoing("", body, ARROW, exchange=CHANGES_EXCHANGE.name) for body in bodies)


async def looks_around(chain: Chain, changes: int) -> tuple[Run, Run]:
    """What the workers had done by the last look before, and the first after, they had matched so many in all."""
    before = after = await _look(chain)
    patience = Patience()
    while after.changes < changes:
        await asyncio.sleep(_LOOK_EVERY_S)
        look = await _look(chain)
        if look.changes >= after.changes:  # a worker that does not answer in time counts nothing in this look
            before, after = after, look
        if patience.ends(after.changes, time.monotonic()):
            raise await _stuck(chain, after.changes, changes)
    return before, after


async def _stuck(chain: Chain, matched: int, changes: int) -> StuckError:
    left = (await chain.look()).left or "nothing"
    return StuckError(
        f"the alert workers have matched {matched:,} of {changes:,} changes, and no more for {PATIENCE_S:g} s:"
        f" see their logs; ready+in hand: {left}"
    )


async def _look(chain: Chain) -> Run:
    metrics = await chain.metrics()
    matched, claims = (int(metrics.get(name, 0)) for name in (_MATCHED, _CLAIMED))
    return Run(time.monotonic(), matched, claims)


async def _settle(urls: Sequence[str]) -> None:
    """Bring the shards to the state that a vacuum leaves, with nothing left to write out."""
    for url in urls:
        await _ask(url, "VACUUM (ANALYZE, INDEX_CLEANUP ON) alerts")
    await _ask(urls[0], "CHECKPOINT")


async def _ask(url: str, statement: str) -> Any:  # noqa: ANN401  # whatever the statement gives
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _stop_workers(addresses: Addresses) -> None:
    """They have done their part; what they sweep would only slow down what follows."""
    workers = [psutil.Process(service.pid) for service in addresses.services]
    for worker in workers:
        worker.terminate()
    await asyncio.to_thread(psutil.wait_procs, workers)
