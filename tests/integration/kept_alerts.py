"""Alerts that travellers of a test have made through the API, and a look at their rows."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Any

from httpx import Response

from shared.shard_map import ShardMap
from tests.integration.running_api import SHARDS, RunningApi, Traveller, wish

# As alert workers leave it after a firing.
FIRED = (
    "fire_seq = 1, armed_price = 5000, watched_board = 1, watched_fare = 2, last_price = 6000, last_fired_at = now()"
)
# Their routes to London lie in all three shards.
ORIGINS = ("NYC", "PAR", "ROM", "BER", "MAD", "TYO", "CHI", "BCN")

# Every way to write an alert, with a body that makes sense.
WRITES: Sequence[tuple[str, str, object]] = (
    ("PUT", "", wish()),
    ("PATCH", "", {}),
    ("DELETE", "", None),
    ("POST", "/pause", {}),
    ("POST", "/resume", {}),
)


class Kept:
    """An alert that a traveller has made."""

    def __init__(self, api: RunningApi, traveller: Traveller, **changes: object) -> None:
        answer = traveller.post("/api/alerts", wish(**changes))
        assert answer.status_code == 201, answer.text
        self.api = api
        self.traveller = traveller
        self.id: str = answer.json()["id"]
        self.etag: str = answer.headers["ETag"]
        self.path = f"/api/alerts/{self.id}"

    @property
    def row(self) -> dict[str, Any]:
        (row,) = self.api.everywhere(f"SELECT * FROM alerts WHERE id = '{self.id}'")  # noqa: S608 - our own id
        return row

    def set(self, changes: str) -> None:
        """Write what others of the fleet would."""
        written = self.api.everywhere(f"UPDATE alerts SET {changes} WHERE id = '{self.id}' RETURNING id")  # noqa: S608 - as above
        assert len(written) == 1

    def send(self, method: str, tail: str = "", body: object = None, **headers: str) -> Response:
        return send(self.traveller, method, self.path + tail, body, headers)


def send(
    traveller: Traveller, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Response:
    """A request with more headers than the token; `If_Match` stands for If-Match."""
    named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
    return traveller.client.request(method, path, json=body, headers=traveller.headers | named)


def through(traveller: Traveller, api: RunningApi) -> Traveller:
    """The traveller, at another server."""
    twin = copy(traveller)
    twin.client = api.client
    return twin


def create(traveller: Traveller, key: str = "", **changes: object) -> Response:
    """Have an alert made, under a key if one is given."""
    return send(traveller, "POST", "/api/alerts", wish(**changes), {"Idempotency-Key": key} if key else {})


def at_once(*creates: tuple[Traveller, str, str]) -> list[Response]:
    """Have alerts made at the same time: whose, under which key, from where."""
    with ThreadPoolExecutor(len(creates)) as pool:
        return list(pool.map(lambda each: create(each[0], each[1], origin=each[2]), creates))


def route_in_another_shard(route: str) -> str:
    """An origin whose route to London does not lie with this one."""
    shards = ShardMap.even(SHARDS)
    return next(city for city in ORIGINS if shards.shard_of(f"{city}-LON") != shards.shard_of(route))


def requests_of(traveller: Traveller, path: str) -> list[Response]:
    """Every verb on an alert."""
    return [traveller.get(path), *(send(traveller, method, path + tail, body) for method, tail, body in WRITES)]


def slots_of(api: RunningApi, traveller: Traveller) -> set[str]:
    """The alerts that the traveller's slots are for."""
    statement = f"SELECT alert_id::text FROM alert_slots WHERE user_id = '{traveller.id}'"  # noqa: S608 - our own id
    return {row["alert_id"] for row in api.rows(api.settings.accounts_url, statement)}


def alerts_of(api: RunningApi, traveller: Traveller) -> list[dict[str, Any]]:
    """The traveller's rows on all shards."""
    return api.everywhere(f"SELECT * FROM alerts WHERE user_id = '{traveller.id}'")  # noqa: S608 - our own id
