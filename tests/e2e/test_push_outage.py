"""FCM falls over in the middle of a run: all pushes arrive after, none more often than it must, and never too fast."""

import asyncio
import os
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fleet.addresses import Addresses
from fleet.bench.synthetic_firings import Firing, invent, messages, settle
from fleet.fcm_stand_in.record import Entry
from fleet.fcm_stand_in.running import FcmStandIn, fcm_stand_in
from shared.broker.broker import Broker
from shared.shards import Shards
from tests.e2e.running_fleet import RunningFleet, running_fleet
from tests.e2e.running_notifier import ONLY_A_NOTIFIER, replaces

pytestmark = pytest.mark.timeout(1_200)
PUSHES = int(os.environ.get("FARELARK_PUSHES", "1500"))
OUTAGE_SECONDS = float(os.environ.get("FARELARK_PUSH_OUTAGE_SECONDS", "5"))
# Some hundred pushes are in flight at any time, and the run lasts about twice as long as the ramp.
LATENCY = 0.1
RATE = max(300, PUSHES // 25)
RAMP_SECONDS = 4
FIRST_SHARE = 0.1  # of the rate, at the foot of the ramp
# Arrivals come late by so much at most where a busy machine lets a process wait, and the next ones then come on time.
LATE_SECONDS = 0.5


def test_fcm_falls_over_in_a_run_and_all_pushes_arrive_after(server_programs: bool, tmp_path: Path) -> None:
    assert server_programs
    with fcm_stand_in(tmp_path / "fcm") as stand_in:
        stand_in.set_latency(LATENCY)
        settings = {
            "FIREBASE_CREDENTIALS": str(stand_in.account),
            "PUSH_ENDPOINT": stand_in.url,
            "PUSHES_PER_SECOND": str(RATE),
            "PUSH_RAMP_SECONDS": str(RAMP_SECONDS),
        }
        with running_fleet(tmp_path / "fleet", ONLY_A_NOTIFIER, settings) as fleet:
            asyncio.run(outage(fleet, stand_in))


async def outage(fleet: RunningFleet, stand_in: FcmStandIn) -> None:
    firings = invent(PUSHES, 1, datetime.now(UTC))
    await publish(fleet.addresses, firings)
    await arrived(stand_in, PUSHES // 3)
    stand_in.stop()
    fell = datetime.now(UTC).timestamp()
    await breaker_is(fleet, "open")
    await asyncio.sleep(OUTAGE_SECONDS)
    assert await breaker(fleet) != "closed"
    stand_in.start()
    stand_in.set_latency(LATENCY)
    tries = await tries_when_all_are_sent(fleet.addresses.accounts)
    assert await breaker(fleet) == "closed"

    entries = list(stand_in.entries())
    before = [entry for entry in entries if entry.at < fell]
    assert 0 < len(before) < PUSHES
    each_arrived_as_often_as_it_was_tried(firings, entries, tries)
    never_faster_than_the_rate(entries)
    after_each_pause_at_the_foot_of_the_ramp(entries)


async def publish(addresses: Addresses, firings: Sequence[Firing]) -> None:
    """Have these told: their travellers and alerts are there, the firings in the queue."""
    shards = Shards.at(addresses.shards, application="tests", pool_size=1)
    await settle(addresses.accounts, addresses.shards, await shards.current_map(), firings)
    await shards.close()
    broker = await Broker.connect(addresses.amqp, "tests")
    await broker.publish_all(messages(firings))
    await broker.close()


async def arrived(stand_in: FcmStandIn, count: int) -> None:
    async with asyncio.timeout(120):
        while stand_in.counters().messages < count:  # noqa: ASYNC110  # other processes do the work
            await asyncio.sleep(0.02)


async def tries_when_all_are_sent(accounts: str) -> dict[str, int]:
    """Wait for the last; return how often the sending of each failed with an outcome that nobody knows."""
    async with asyncio.timeout(300 + OUTAGE_SECONDS):
        while len(rows := await sent(accounts)) < PUSHES:  # noqa: ASYNC110  # other processes do the work
            await asyncio.sleep(0.5)
    return {str(row["id"]): row["tries"] for row in rows}


async def sent(accounts: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(accounts)
    try:
        return await connection.fetch("SELECT id, tries FROM notifications WHERE state = 'sent'")
    finally:
        await connection.close()


def each_arrived_as_often_as_it_was_tried(
    firings: Sequence[Firing], entries: Sequence[Entry], tries: dict[str, int]
) -> None:
    accepted: Counter[str] = Counter()
    tags = defaultdict(set)
    for entry in entries:
        assert entry.answered == 200
        assert entry.message.data
        id_ = entry.message.data["notification_id"]
        accepted[id_] += 1
        tags[id_].add(replaces(entry))
    assert accepted.keys() == tries.keys() == {str(firing.notification.id) for firing in firings}
    assert [id_ for id_, times in accepted.items() if times > 1 + tries[id_]] == []
    assert {len(of_one) for of_one in tags.values()} == {1}, "a repeat would stand beside its twin"
    assert max(accepted.values()) > 1, "nothing was in flight when FCM fell"


def never_faster_than_the_rate(entries: Sequence[Entry]) -> None:
    """In no second do more arrive than in a second may leave, and what a late process held up before."""
    times = sorted(entry.at for entry in entries)
    most = max(arrivals_within(times, start, 1.0) for start in range(len(times)))
    assert most <= RATE * (1 + LATE_SECONDS)


def after_each_pause_at_the_foot_of_the_ramp(entries: Sequence[Entry]) -> None:
    """Where nothing came for as long as the ramp, the rate climbs anew."""
    times = sorted(entry.at for entry in entries)
    starts = [0, *(place + 1 for place, (one, next_) in enumerate(pairwise(times)) if next_ - one >= RAMP_SECONDS)]
    assert len(starts) > 1, "the outage made no pause"
    for start in starts:
        for seconds in (0.5, 1.0, 2.0, RAMP_SECONDS):
            assert arrivals_within(times, start, seconds) <= most_on_the_ramp(seconds + LATE_SECONDS)


def arrivals_within(times: Sequence[float], start: int, seconds: float) -> int:
    return bisect_left(times, times[start] + seconds) - start


def most_on_the_ramp(seconds: float) -> float:
    """How many may leave in the first seconds of a ramp."""
    foot, climbing = RATE * FIRST_SHARE, min(seconds, RAMP_SECONDS)
    slope = (RATE - foot) / RAMP_SECONDS
    return foot * climbing + slope * climbing**2 / 2 + RATE * (seconds - climbing)


async def breaker_is(fleet: RunningFleet, state: str) -> None:
    async with asyncio.timeout(30):
        while await breaker(fleet) != state:  # noqa: ASYNC110  # another process opens it
            await asyncio.sleep(0.05)


async def breaker(fleet: RunningFleet) -> str:
    """The state of the breaker around FCM, by the notifier's metrics."""
    (notifier,) = fleet.addresses.services
    async with httpx.AsyncClient() as client:
        exposition = (await client.get(f"{notifier.ops}/metrics")).text
    (state,) = (
        sample.labels["state"]
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == "farelark_breaker_state" and sample.labels["breaker"] == "fcm" and sample.value == 1
    )
    return state
