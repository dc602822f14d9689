"""How fast the alerts API answers: authenticated reads and writes over HTTP, against the real databases.

Some travellers with alerts each are made over the API itself. Then so many clients ask one after the other without
a pause: first for its liveness, which is HTTP alone and so the ceiling, then for single alerts, then for lists of them,
which every shard has a part of, and then they change alerts' targets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Final, NamedTuple
from uuid import uuid4

from msgspec.json import encode

from fleet.bench.http_load import Ask, Asked, Load
from fleet.workers import only

ONLY_THE_API: Final = only("alerts_api")
_TRAVELLERS: Final = 20
_ALERTS_EACH: Final = 10
_WARM_UP_SHARE: Final = 0.1
_LISTS_SHARE: Final = 0.5  # of as many requests as are read
_WRITES_SHARE: Final = 0.2
_DESTINATIONS: Final = ("LON", "PAR", "ROM", "TYO", "SFO")  # some on each shard

Say = Callable[[str], None]


class Traveller(NamedTuple):
    """Somebody with alerts."""

    token: str
    alerts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of one run; the first are of the reads, `ratio` is of their speed to that of bare HTTP."""

    clients: int
    servers: int
    reads: int
    reads_per_second: int
    p50_ms: float
    p99_ms: float
    lists: int
    lists_per_second: int
    lists_p50_ms: float
    lists_p99_ms: float
    writes: int
    writes_per_second: int
    writes_p50_ms: float
    writes_p99_ms: float
    bare_http_per_second: int
    ratio: float


async def measure(api: Sequence[str], requests: int, clients: int, say: Say, asked: Asked) -> Result:
    """Measure running servers.

    Args:
        api: their roots.
        requests: reads that count.
        clients: that ask at once.
        say: is told of each step.
        asked: is told how many requests were answered since it was last told.

    Raises:
        RefusedError: the API did not answer as it should.
    """
    load = Load(api, clients, asked)
    say("making travellers with alerts")
    travellers = [await _traveller(load) for _ in range(_TRAVELLERS)]
    lists, writes = round(requests * _LISTS_SHARE), round(requests * _WRITES_SHARE)
    await load.put(_reads(travellers, round(requests * _WARM_UP_SHARE)))
    say("asking for liveness alone")
    bare = await load.put([Ask("GET", "/health/live", 200)] * requests)
    say("reading alerts")
    reads = await load.put(_reads(travellers, requests))
    say("listing alerts")
    listed = await load.put(_lists(travellers, lists))
    say("changing alerts")
    written = await load.put(_writes(travellers, writes))
    return Result(
        clients=clients,
        servers=len(api),
        reads=requests,
        reads_per_second=round(reads.per_second),
        p50_ms=reads.p50,
        p99_ms=reads.p99,
        lists=lists,
        lists_per_second=round(listed.per_second),
        lists_p50_ms=listed.p50,
        lists_p99_ms=listed.p99,
        writes=writes,
        writes_per_second=round(written.per_second),
        writes_p50_ms=written.p50,
        writes_p99_ms=written.p99,
        bare_http_per_second=round(bare.per_second),
        ratio=round(reads.per_second / bare.per_second, 3),
    )


def expected_requests(requests: int) -> int:
    """How many requests are answered in all, of which the progress tells."""
    further = (round(requests * share) for share in (_WARM_UP_SHARE, _LISTS_SHARE, _WRITES_SHARE))
    return 2 * requests + sum(further)


async def _traveller(load: Load) -> Traveller:
    credentials = {"email": f"{uuid4().hex}@example.org", "password": uuid4().hex}
    grant = await load.answer(Ask("POST", "/api/auth/register", 201, body=encode(credentials)))
    token = grant["access_token"]
    made = [
        await load.answer(Ask("POST", "/api/alerts", 201, token, encode(_wish(number))))
        for number in range(_ALERTS_EACH)
    ]
    return Traveller(token, [alert["id"] for alert in made])


def _wish(number: int) -> dict[str, object]:
    first = datetime.now(UTC).date() + timedelta(days=30 + number)
    return {
        "origin": "NYC",
        "destination": _DESTINATIONS[number % len(_DESTINATIONS)],
        "departure_from": first.isoformat(),
        "departure_to": (first + timedelta(days=14)).isoformat(),
        "rule": _rule(number),
    }


def _rule(number: int) -> dict[str, object]:
    return {"kind": "target", "price": {"amount": 20_000 + number, "currency": "EUR"}}


def _reads(travellers: Sequence[Traveller], count: int) -> list[Ask]:
    """Each alert in turn."""
    alerts = cycle((traveller.token, alert) for traveller in travellers for alert in traveller.alerts)
    return [Ask("GET", f"/api/alerts/{alert}", 200, token) for token, alert in islice(alerts, count)]


def _lists(travellers: Sequence[Traveller], count: int) -> list[Ask]:
    """Each traveller's alerts in turn."""
    return [Ask("GET", "/api/alerts", 200, traveller.token) for traveller in islice(cycle(travellers), count)]


def _writes(travellers: Sequence[Traveller], count: int) -> list[Ask]:
    """Another target for each alert in turn."""
    alerts = cycle((traveller.token, alert) for traveller in travellers for alert in traveller.alerts)
    return [
        Ask("PATCH", f"/api/alerts/{alert}", 200, token, encode({"rule": _rule(number)}))
        for number, (token, alert) in enumerate(islice(alerts, count))
    ]
