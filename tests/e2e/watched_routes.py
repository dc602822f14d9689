"""A fleet that can be harmed on purpose, with a handful of fares that somebody watches on each shard."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any, Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from fleet.addresses import Service
from fleet.fcm_stand_in.record import Entry
from fleet.fcm_stand_in.running import FcmStandIn, fcm_stand_in
from shared.airports import city_of
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.messages.batches import JSON
from shared.shard_map import ShardMap
from shared.topology import FARES_INGEST
from tests.e2e.following import typed
from tests.e2e.running_fleet import RunningFleet, running_fleet
from tests.e2e.running_notifier import until
from tests.e2e.stoppable_shard import StoppableShard, other_databases, shard_of_its_own

AWAY: Final = 1  # the shard that can be stopped
ROUTES_A_SHARD: Final = 5
_AIRPORTS: Final = ("AMS", "ATH", "BCN", "BUD", "CPH", "DUB", "HEL", "LIS", "MAD", "VIE")
_DEPARTURE: Final = (datetime.now(UTC) + timedelta(days=60)).date()
_FIRST_PRICE: Final = 90_000


class WatchedRoutes:
    """One fare on each of these routes, and an alert that fires at every fall of it."""

    def __init__(self, fleet: RunningFleet, stand_in: FcmStandIn, shard: StoppableShard) -> None:
        self.fleet = fleet
        self.stand_in = stand_in
        self.shard = shard
        self.routes = [route for number in (0, AWAY) for route in _routes_of(number)]
        self._price = _FIRST_PRICE
        self._falls = 0

    def watch(self) -> None:
        """Make the alerts, of a traveller with one device."""
        traveller = self.fleet.traveller()
        for origin, destination in self.routes:
            traveller.wish(
                origin=origin,
                destination=destination,
                departure_from=str(_DEPARTURE),
                departure_to=str(_DEPARTURE),
                rule={"kind": "target", "price": {"amount": _FIRST_PRICE, "currency": "EUR"}},
            )

    def fall(self) -> None:
        """Publish all fares a tenth cheaper than before: everybody is to be told once more."""
        self._price = self._price * 9 // 10
        self._falls += 1
        self.sweep()

    def sweep(self) -> None:
        """Publish all fares once more as they are."""
        now = datetime.now(UTC).isoformat()
        fares = [_fare(origin, destination, self._price, now) for origin, destination in self.routes]
        self.publish(json.dumps(fares).encode())

    def publish(self, batch: bytes) -> None:
        """Publish this as a batch of fares."""
        asyncio.run(_publish(self.fleet.addresses.amqp, batch))

    def pushed(self) -> list[Entry]:
        """The pushes that FCM has accepted."""
        return [push for push in self.stand_in.entries() if push.answered == httpx.codes.OK]

    def finding(self, runbook: str) -> str:
        """What `status` finds that leads to this runbook."""
        until(lambda: runbook in [finding["runbook"] for finding in self._health()])
        findings = json.loads(typed(self.fleet, "status", "--json"))["findings"]
        return "\n".join(finding["text"] for finding in findings if finding["runbook"] == runbook)

    def metric(self, service: str, name: str, **labels: str) -> float:
        """The sum of these samples of a service's process."""
        process = self.fleet.process_of(service)
        return sum(value for found, value in _samples(process, name) if labels.items() <= found.items())

    def all_is_well(self) -> None:
        """Everything has gone through, `status` finds nothing, everybody was told once of each fall."""
        self.fleet.drain()
        until(lambda: not self._health())
        falls = self._falls * len(self.routes)
        claims = sum(row["fire_seq"] for row in self.fleet.alert_rows())
        recorded = self.fleet.on_accounts("SELECT id FROM notifications WHERE content ->> 'kind' = 'fired'")
        told = Counter(push.message.data["notification_id"] for push in self.pushed() if push.message.data)
        assert claims == len(recorded) == falls
        assert told == Counter(str(row["id"]) for row in recorded)

    def _health(self) -> list[dict[str, str]]:
        """What the operations process finds, which costs less than a command."""
        at = self.fleet.addresses
        assert at.operations
        bearer = {"Authorization": f"Bearer {Path(at.ops_token).read_text()}"}
        return list(self.fleet.client.get(f"{at.operations.ops}/health", headers=bearer).json()["findings"])


@contextmanager
def watched_routes(folder: Path) -> Iterator[WatchedRoutes]:
    """A fleet whose second shard can be stopped and whose pushes go to a stand-in for FCM."""
    with (
        other_databases(folder / "others", "accounts", "shard0") as near,
        shard_of_its_own(folder / "shard") as shard,
        fcm_stand_in(folder / "fcm") as stand_in,
    ):
        settings = {
            "ACCOUNTS_URL": near.url("accounts"),
            "SHARD_URLS": f"{near.url('shard0')},{shard.server.url('shard')}",
            "FIREBASE_CREDENTIALS": str(stand_in.account),
            "PUSH_ENDPOINT": stand_in.url,
            "PUSH_RAMP_SECONDS": "0",
            "LOOK_EVERY_SECONDS": "1",
        }
        with running_fleet(folder / "fleet", settings=settings) as fleet:
            routes = WatchedRoutes(fleet, stand_in, shard)
            routes.watch()
            yield routes


def _routes_of(shard: int) -> Sequence[tuple[str, str]]:
    shard_map = ShardMap.even(AWAY + 1)
    routes = permutations(_AIRPORTS, 2)
    theirs = [route for route in routes if shard_map.shard_of("-".join(map(city_of, route))) == shard]
    return theirs[:ROUTES_A_SHARD]


def _fare(origin: str, destination: str, price: int, now: str) -> dict[str, Any]:
    return {
        "origin": origin,
        "destination": destination,
        "departure_date": str(_DEPARTURE),
        "carrier": "KL",
        "flight_number": "1001",
        "departure_time": "11:05",
        "currency": "EUR",
        "price": price,
        "observed_at": now.replace("+00:00", "Z"),
        "source": "test",
    }


async def _publish(amqp: str, batch: bytes) -> None:
    broker = await Broker.connect(amqp, "tests")
    await broker.publish(Outgoing(FARES_INGEST.name, batch, JSON))
    await broker.close()


def _samples(process: Service, name: str) -> Iterator[tuple[dict[str, str], float]]:
    for family in text_string_to_metric_families(httpx.get(f"{process.ops}/metrics").text):
        for sample in family.samples:
            if sample.name == name:
                yield sample.labels, sample.value
