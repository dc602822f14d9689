"""A worker may be killed between any two steps: the same claims and history, no push lost, repeats only where due."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fleet.chain import Chain, open_chain
from fleet.publishing import FarePublisher, fare_publisher
from fleet.replaying import Batch, batches, read, shift, stamp
from tests.e2e.price_history import Key, Row, history_in
from tests.e2e.running_fleet import RunningFleet, Traveller, running_fleet
from tests.real_data import real_file

pytestmark = pytest.mark.timeout(300)

FAILPOINTS = (
    "price_worker.received",
    "price_worker.changes_confirmed",
    "price_worker.boards_written",
    "alert_worker.matched",
    "alert_worker.notifications_confirmed",
    "alert_worker.claims_committed",
    "notifier.recorded",
    "notifier.sent",
    "notifier.marked",
    "history_worker.upserted",
    "history_worker.committed",
)
# Between these two the crash leaves it open whether the push went out.
SENT_AND_NOT_MARKED = "notifier.sent"
WISHES = 400
WHAT_IS_PRICED = (
    "origin",
    "destination",
    "departure_date",
    "carrier",
    "flight_number",
    "departure_time",
    "cabin",
    "stops",
    "currency",
)


class Wish(NamedTuple):
    origin: str
    destination: str
    date: str
    target: int
    currency: str


class Outcome(NamedTuple):
    """Claim states by wish, price history, notifications by wish and fare, and how often the gateway got each.

    An alert that is armed again may be fired again by the same fare at the same price.
    """

    claims: list[tuple[Any, ...]]
    history: dict[Key, Row]
    notifications: Counter[tuple[int, str, int]]
    times_pushed: set[int]
    reached: list[str]
    repeated_under: set[str]  # failpoints


@pytest.fixture(scope="module")
def fleet(server_programs: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """A fleet whose workers have one batch in work: a kill at a failpoint then hits nothing else."""
    assert server_programs
    folder = tmp_path_factory.mktemp("kills") / "fleet"
    with running_fleet(folder, {"ingest_gateway": 0}, {"CONCURRENCY": "1"}) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def days() -> list[Batch]:
    """The days of the real file, one batch each, brought to today."""
    history, _ = shift(read([real_file("fares/gflights_dev.csv.gz")]), datetime.now(UTC).date())
    return list(batches(history, by_day=True))


@pytest.fixture(scope="module")
def wishes(days: list[Batch]) -> list[Wish]:
    """For many a fare of the first day, to hear when it falls by 3 % or more.

    None is ever urgent: that lane has a batch of its own in work, which a kill would hit as well.
    """
    urgent = boards_with_deep_falls(days)
    soon = datetime.now(UTC).date() + timedelta(days=7)
    first = days[0].fares.to_pylist()
    calm = [fare for fare in first if fare["departure_date"] > soon and board(fare) not in urgent]
    chosen = calm[:: max(1, len(calm) // WISHES)]
    return [
        Wish(
            fare["origin"],
            fare["destination"],
            str(fare["departure_date"]),
            fare["price"] * 97 // 100,
            fare["currency"],
        )
        for fare in chosen
    ]


def boards_with_deep_falls(days: list[Batch]) -> set[tuple[Any, ...]]:
    """The boards on which a fare falls so far from one sighting to the next that it is told of urgently."""
    last: dict[tuple[Any, ...], int] = {}
    deep = set()
    for fare in (fare for day in days for fare in day.fares.to_pylist()):
        key = tuple(fare[name] for name in WHAT_IS_PRICED)
        if fare["price"] <= last.get(key, 0) * 0.71:
            deep.add(board(fare))
        last[key] = fare["price"]
    return deep


def board(fare: dict[str, Any]) -> tuple[Any, ...]:
    return fare["origin"], fare["destination"], fare["departure_date"]


def test_a_kill_at_any_failpoint_changes_no_claim_and_loses_no_push(
    fleet: RunningFleet, days: list[Batch], wishes: list[Wish]
) -> None:
    undisturbed = run(fleet, days, wishes, [])
    fleet.clear()
    pids_before = {service.name: service.pid for service in fleet.addresses.services}
    disturbed = run(fleet, days, wishes, list(FAILPOINTS))

    assert disturbed.reached == list(FAILPOINTS)
    killed = {service.name for service in fleet.addresses.services if service.pid != pids_before[service.name]}
    assert killed == {"price_worker", "alert_worker", "history_worker", "notifier"}
    assert sum(claim[0] for claim in undisturbed.claims) > WISHES // 4, "too little fired to prove anything"
    assert disturbed.claims == undisturbed.claims
    assert disturbed.history == undisturbed.history != {}
    assert disturbed.notifications == undisturbed.notifications
    assert undisturbed.times_pushed == {1}
    assert disturbed.repeated_under == {SENT_AND_NOT_MARKED}
    assert disturbed.times_pushed == {1, 2}


def run(fleet: RunningFleet, days: list[Batch], wishes: list[Wish], failpoints: list[str]) -> Outcome:
    """Replay all days, and kill at one failpoint after the other."""
    traveller = fleet.traveller()
    alerts = {make(traveller, wish): number for number, wish in enumerate(wishes)}
    reached, repeated_under = asyncio.run(replay(fleet, days, failpoints))
    rows = {alerts[str(row["id"])]: row for row in fleet.alert_rows()}
    claims = [claim_state(rows[number]) for number in range(len(wishes))]
    identities = {push["notification_id"]: identity(push, alerts) for push in fleet.pushes()}
    times = set(count_pushes(fleet).values())
    return Outcome(claims, history_in(fleet), Counter(identities.values()), times, reached, repeated_under)


async def replay(fleet: RunningFleet, days: list[Batch], failpoints: list[str]) -> tuple[list[str], set[str]]:
    """Arm the next failpoint each morning; one that a day without firings did not reach stays armed alone."""
    reached: list[str] = []
    repeated_under: set[str] = set()
    async with open_chain(fleet.addresses) as chain, fare_publisher(fleet.addresses) as publisher:
        for day in days:
            armed = next((point for point in failpoints if point not in reached), None)
            if armed:
                trigger(fleet, armed).write_text("1")
            repeats = count_repeats(fleet)
            await work_off(day, publisher, chain)
            if count_repeats(fleet) > repeats:
                repeated_under.add(armed or "nothing")
            if armed and not trigger(fleet, armed).exists():
                reached.append(armed)
    return reached, repeated_under


async def work_off(day: Batch, publisher: FarePublisher, chain: Chain) -> None:
    await publisher.publish(stamp(day, datetime.now(UTC)).fares, cycle=str(day.day))
    await publisher.flush()
    await chain.drain(120)


def make(traveller: Traveller, wish: Wish) -> str:
    price = {"amount": wish.target, "currency": wish.currency}
    return traveller.wish(
        origin=wish.origin,
        destination=wish.destination,
        departure_from=wish.date,
        departure_to=wish.date,
        rule={"kind": "target", "price": price},
    )


def trigger(fleet: RunningFleet, failpoint: str) -> Path:
    return fleet.folder / "failpoints" / failpoint


def claim_state(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["fire_seq"], row["armed_price"], row["last_price"], row["last_fare"]


def identity(push: Mapping[str, Any], alerts: Mapping[str, int]) -> tuple[int, str, int]:
    return alerts[push["alert_id"]], push["fare"], push["price"]


def count_pushes(fleet: RunningFleet) -> Counter[str]:
    return Counter(push["notification_id"] for push in fleet.pushes())


def count_repeats(fleet: RunningFleet) -> int:
    return sum(times - 1 for times in count_pushes(fleet).values())
