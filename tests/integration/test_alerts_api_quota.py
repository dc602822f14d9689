"""A traveller has so many alerts and no more, however many requests come at once, and to however many servers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import pytest
from msgspec import convert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.alerts.edits import AlertEditor
from services.alerts_api.alerts.patching import patched
from services.alerts_api.alerts.presence import absent
from services.alerts_api.alerts.resources import AlertRequest
from services.alerts_api.alerts.store import AlertsStore
from shared.failpoints import Failpoints
from shared.shards import Shards
from tests.integration.alert_rows import SHARD_MAP
from tests.integration.kept_alerts import ORIGINS, alerts_of, at_once, create, slots_of, through
from tests.integration.running_api import RunningApi, Traveller, running_api, settings_over, wish
from tests.integration.stepped_shards import Actor
from tests.private_servers import Servers

QUOTA = 8
NOWHERE = "postgresql://farelark:hunter2@127.0.0.1:1/none"


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"), alerts_per_user=str(QUOTA))) as api:
        yield api


@pytest.fixture(scope="module")
def second_server(api: RunningApi) -> Iterator[RunningApi]:
    """Another one over the same databases."""
    with running_api(api.settings) as second:
        yield second


@pytest.fixture
def traveller(api: RunningApi) -> Traveller:
    return api.traveller()


def fill(api: RunningApi, traveller: Traveller) -> None:
    """Have as many alerts made as can be, all of them long ago."""
    statuses = [create(traveller, origin=origin).status_code for origin in ORIGINS]
    assert statuses == [201] * QUOTA
    age(api, traveller, "1 hour")


def age(api: RunningApi, traveller: Traveller, interval: str) -> None:
    """Let this time go by since the traveller's slots were taken."""
    statement = (
        f"UPDATE alert_slots SET taken_at = taken_at - interval '{interval}'"  # noqa: S608 - our own
        f" WHERE user_id = '{traveller.id}' RETURNING alert_id"
    )
    assert api.rows(api.settings.accounts_url, statement)


def crash(api: RunningApi, traveller: Traveller, count: int = 1) -> None:
    """Take slots for alerts that were never made."""
    for _ in range(count):
        statement = f"INSERT INTO alert_slots VALUES ('{uuid4()}', '{traveller.id}', now()) RETURNING alert_id"  # noqa: S608 - our own
        api.rows(api.settings.accounts_url, statement)


def test_the_last_slots_go_to_as_many_of_those_who_come_at_once(
    api: RunningApi, second_server: RunningApi, traveller: Traveller
) -> None:
    for origin in ORIGINS[:3]:
        assert create(traveller, origin=origin).status_code == 201
    twin = through(traveller, second_server)
    wanted = [(who, "", origin) for who in (traveller, twin) for origin in (*ORIGINS, "NYC", "PAR")]
    statuses = sorted(answer.status_code for answer in at_once(*wanted))
    assert statuses == [201] * 5 + [409] * 15
    assert len(alerts_of(api, traveller)) == QUOTA
    assert slots_of(api, traveller) == {str(row["id"]) for row in alerts_of(api, traveller)}


def test_who_has_as_many_as_can_be_is_told_so(api: RunningApi, traveller: Traveller) -> None:
    fill(api, traveller)
    answer = create(traveller)
    assert (answer.status_code, answer.headers["Content-Type"]) == (409, "application/problem+json")
    assert answer.json()["type"] == "urn:farelark:quota"
    assert f"there are {QUOTA} alerts" in answer.json()["detail"]
    assert create(api.traveller()).status_code == 201, "others are not concerned"


def test_deleting_one_makes_room_for_one(api: RunningApi, traveller: Traveller) -> None:
    made = [create(traveller, origin=origin) for origin in ORIGINS]
    assert [answer.status_code for answer in made] == [201] * QUOTA
    assert traveller.delete(made[0].headers["Location"]).status_code == 204
    assert slots_of(api, traveller) == {answer.json()["id"] for answer in made[1:]}
    assert [create(traveller).status_code for _ in range(2)] == [201, 409]


def test_what_is_refused_takes_no_slot(api: RunningApi, traveller: Traveller) -> None:
    refused = [
        wish(departure_to="2001-01-01"),
        wish(rule={"kind": "target", "price": {"amount": 1, "currency": "CHF"}}),
        wish(origin="nowhere"),
    ]
    assert [traveller.post("/api/alerts", body).status_code for body in refused] == [400] * 3
    assert slots_of(api, traveller) == set()


def test_a_shard_that_is_away_takes_no_slot(api: RunningApi, traveller: Traveller) -> None:
    away = api.settings.model_copy(update={"shard_urls": NOWHERE})
    with running_api(away) as stranded:
        assert create(through(traveller, stranded)).status_code == 503
    assert slots_of(api, traveller) == set()


def test_slots_of_alerts_that_were_never_made_are_given_back_when_they_are_needed(
    api: RunningApi, traveller: Traveller
) -> None:
    crash(api, traveller, QUOTA)
    age(api, traveller, "2 minutes")
    fill(api, traveller)
    assert create(traveller).status_code == 409


def test_an_alert_that_may_still_be_in_the_making_keeps_its_slot(api: RunningApi, traveller: Traveller) -> None:
    crash(api, traveller, QUOTA)
    age(api, traveller, "50 seconds")
    assert create(traveller).status_code == 409
    age(api, traveller, "20 seconds")
    assert create(traveller).status_code == 201


@pytest.mark.parametrize(
    "take",
    [
        "INSERT INTO arriving_alerts (move, id, source, content) SELECT gen_random_uuid(), id, 0, '{}' FROM gone",
        "INSERT INTO bucket_transit (id, bucket, content) SELECT id, 1, '{}' FROM gone",
    ],
    ids=["by an edit", "with its bucket"],
)
def test_an_alert_on_its_way_between_shards_keeps_its_slot(api: RunningApi, traveller: Traveller, take: str) -> None:
    fill(api, traveller)
    alert = alerts_of(api, traveller)[0]["id"]
    away = f"WITH gone AS (DELETE FROM alerts WHERE id = '{alert}' RETURNING id) {take} RETURNING id"  # noqa: S608 - ours
    try:
        assert len(api.everywhere(away)) == 1
        assert create(traveller).status_code == 409
        assert str(alert) in slots_of(api, traveller)
    finally:
        for table in ("arriving_alerts", "bucket_transit"):
            api.everywhere(f"DELETE FROM {table} WHERE id = '{alert}' RETURNING id")  # noqa: S608 - ours
    assert create(traveller).status_code == 201


def test_while_a_shard_is_away_no_slot_is_taken_for_dead(api: RunningApi, traveller: Traveller) -> None:
    fill(api, traveller)
    before = slots_of(api, traveller)
    (alive, *_), lost = api.settings.shards, f"DELETE FROM alerts WHERE user_id = '{traveller.id}' RETURNING id"  # noqa: S608 - ours
    settings = api.settings.model_copy(update={"shard_urls": f"{alive},{NOWHERE},{NOWHERE}"})
    api.everywhere(lost)
    with running_api(settings) as maimed:
        statuses = [create(through(traveller, maimed), origin=origin).status_code for origin in ORIGINS]
    assert set(statuses) == {409, 503}
    assert slots_of(api, traveller) == before


def test_who_deletes_while_accounts_is_away_gets_the_slot_back_later(api: RunningApi, traveller: Traveller) -> None:
    fill(api, traveller)
    alert = alerts_of(api, traveller)[0]["id"]
    with running_api(api.settings.model_copy(update={"accounts_url": NOWHERE})) as stranded:
        assert through(traveller, stranded).delete(f"/api/alerts/{alert}").status_code == 204
    assert len(slots_of(api, traveller)) == QUOTA
    assert create(traveller).status_code == 201


@pytest.mark.parametrize("end", ["DELETE FROM users", "UPDATE users SET deleting_at = now()"])
def test_an_account_that_is_gone_gets_no_alert(api: RunningApi, traveller: Traveller, end: str) -> None:
    assert api.rows(api.settings.accounts_url, f"{end} WHERE id = '{traveller.id}' RETURNING id")
    answer = create(traveller)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert alerts_of(api, traveller) == []


async def test_an_alert_that_moves_while_shards_are_asked_is_not_taken_for_dead(
    shard_engines: list[AsyncEngine],
) -> None:
    """It goes to a shard that has been asked from one that has not."""
    shards, user, now = Shards(shard_engines), uuid4(), datetime.now(UTC)
    first, last = (
        next(city for city in ORIGINS if SHARD_MAP.shard_of(f"{city}-LON") == shard)
        for shard in (0, len(shards.numbers) - 1)
    )
    alert_id = (await AlertsStore(shards).add(user, convert(wish(origin=last), AlertRequest), now)).id
    looking = Actor(shard_engines, lambda stepped: absent(stepped, [alert_id]))
    await looking.step()
    patch = partial(patched, patch={"origin": first})
    await AlertEditor(shards, Failpoints(None)).edit(user, alert_id, patch, now)
    assert await looking.end() == set()
    await AlertsStore(shards).remove(user, alert_id)
    assert await absent(shards, [alert_id]) == {alert_id}
