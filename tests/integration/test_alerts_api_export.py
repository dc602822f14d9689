"""A copy of all that we keep of a traveller: whole, or not at all."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import delete, func, insert, update

from services.alerts_api.accounts import export, own_alerts
from services.alerts_api.alerts.stored import StoredAlert, find
from shared.alerts.moves import Move, enter, leave
from shared.messages.notifications import encode_one
from shared.schema.accounts import alert_slots, devices
from shared.schema.shards import alerts, bucket_transit
from shared.shard_map import bucket_of
from tests.integration.leaving import Databases, databases_of, origin_in
from tests.integration.running_api import PASSWORD, SHARDS, RunningApi, Traveller, running_api, settings_over
from tests.private_servers import Servers

PATH = "/api/me/export"
NOWHERE = "postgresql://farelark:hunter2@127.0.0.1:1/none"


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"))) as api:
        yield api


@pytest.fixture(scope="module")
def crippled(api: RunningApi) -> Iterator[RunningApi]:
    """A server that cannot reach the last shard."""
    settings = api.settings.model_copy(update={"shard_urls": ",".join([*api.settings.shards[:-1], NOWHERE])})
    with running_api(settings) as crippled:
        yield crippled


@pytest.fixture
async def databases(api: RunningApi) -> AsyncIterator[Databases]:
    async with databases_of(api.settings) as databases:
        yield databases


@pytest.fixture
async def traveller(api: RunningApi, databases: Databases) -> Traveller:
    """Somebody who has something of everything."""
    return await databases.settle(api)


def ids_of(listed: list[dict[str, Any]]) -> list[str]:
    return sorted(one["id"] for one in listed)


def listed(traveller: Traveller) -> list[dict[str, Any]]:
    return list(traveller.get("/api/alerts").json()["resources"])


async def one_of(databases: Databases, traveller: Traveller) -> StoredAlert:
    """The alert in the last shard."""
    (alert,) = (alert for alert in listed(traveller) if alert["origin"] == origin_in(SHARDS - 1))
    return await find(databases.shards, UUID(traveller.id), UUID(alert["id"]))


async def test_it_holds_all_that_is_theirs_and_nothing_else(
    api: RunningApi, databases: Databases, traveller: Traveller
) -> None:
    other = await databases.settle(api)
    firing = await databases.notify(traveller)
    answer = traveller.get(PATH)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="farelark.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    copy = answer.json()
    identity = {"issuer": "https://issuer.example", "subject": traveller.id}
    assert copy["account"] == traveller.get("/api/me").json() | {"identities": [identity]}
    assert copy["preferences"] == traveller.get("/api/me/preferences").json()
    assert sorted(copy["alerts"], key=str) == sorted(listed(traveller), key=str)
    assert [device["platform"] for device in copy["devices"]] == ["ios"]
    assert [session["revoked_at"] for session in copy["sessions"]] == [None]
    assert len(copy["notifications"]) == 2
    (told,) = (one for one in copy["notifications"] if one["id"] == str(firing.id))
    assert told["notice"]["fare"] == msgspec.json.decode(encode_one(firing))["fare"] | {"source": "test "}
    assert other.id not in answer.text


def test_it_holds_nothing_that_opens_anything(traveller: Traveller) -> None:
    text = traveller.get(PATH).text
    assert not any(secret in text for secret in (PASSWORD, "argon2", f"canary-{traveller.id}", "refresh_token"))


async def test_devices_that_pushes_no_longer_reach_are_in_it(databases: Databases, traveller: Traveller) -> None:
    retire = update(devices).where(devices.c.user_id == UUID(traveller.id)).values(retired_reason="unregistered")
    async with databases.accounts.begin() as connection:
        await connection.execute(retire)
    assert [device["retired_reason"] for device in traveller.get(PATH).json()["devices"]] == ["unregistered"]


async def test_it_is_whole_however_much_there_is(
    databases: Databases, traveller: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    firings = [await databases.notify(traveller) for _ in range(3)]
    monkeypatch.setattr(export, "_AT_ONCE", 2)
    monkeypatch.setattr(own_alerts, "_AT_ONCE", 2)
    copy = traveller.get(PATH).json()
    assert ids_of(copy["alerts"]) == ids_of(listed(traveller))
    ids = ids_of(copy["notifications"])
    assert len(set(ids)) == len(ids) == 4
    assert {str(firing.id) for firing in firings} < set(ids)


def test_where_a_shard_is_away_there_is_none(crippled: RunningApi, traveller: Traveller) -> None:
    answer = crippled.client.get(PATH, headers=traveller.headers)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "hunter2" not in answer.text


async def test_an_alert_on_its_way_between_two_shards_is_in_it(databases: Databases, traveller: Traveller) -> None:
    stored = await one_of(databases, traveller)
    move = Move(stored.id, stored.shard, 0, f"{origin_in(0)}-LON")
    async with databases.shards.transaction(0, [bucket_of(move.route)]) as transaction:
        await enter(transaction, move, stored.columns | {"route": move.route})
    async with databases.shards.transaction(stored.shard, []) as transaction:
        assert await leave(transaction, move, stored.row["version"])
    copy = traveller.get(PATH).json()
    assert len(copy["alerts"]) == SHARDS
    assert str(stored.id) in ids_of(copy["alerts"])


async def test_while_a_bucket_is_between_two_shards_there_is_none(databases: Databases, traveller: Traveller) -> None:
    stored = await one_of(databases, traveller)
    given = {"id": stored.id, "bucket": bucket_of(stored.route), "content": msgspec.to_builtins(stored.columns)}
    async with databases.shards.transaction(stored.shard, []) as transaction:
        await transaction.connection.execute(delete(alerts).where(alerts.c.id == stored.id))
        await transaction.connection.execute(insert(bucket_transit).values(given))
    assert traveller.get(PATH).status_code == 503


async def test_an_alert_that_was_never_made_is_not_in_it(databases: Databases, traveller: Traveller) -> None:
    """A crash between its slot and itself leaves the slot."""
    slot = {"alert_id": uuid4(), "user_id": UUID(traveller.id), "taken_at": func.now()}
    async with databases.accounts.begin() as connection:
        await connection.execute(insert(alert_slots).values(slot))
    assert len(traveller.get(PATH).json()["alerts"]) == SHARDS


def test_without_a_token_there_is_none(api: RunningApi) -> None:
    assert api.client.get(PATH).status_code == 401
