"""The same request under the same Idempotency-Key makes one alert and gets one answer, whatever happens between."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from httpx import Response
from msgspec import convert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.alerts.best_fares import WriteReplies
from services.alerts_api.alerts.creation import AlertCreator
from services.alerts_api.alerts.idempotency import KEPT, RepeatableRequest
from services.alerts_api.alerts.listing import Listing
from services.alerts_api.alerts.reservations import Reservations
from services.alerts_api.alerts.resources import AlertRequest
from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.http.fields import InvalidFieldError
from shared.databases import open_engine
from shared.failpoints import Failpoints
from shared.shards import Shards
from tests.integration.crashing import CrashError, Crashing
from tests.integration.kept_alerts import (
    alerts_of,
    at_once,
    create,
    route_in_another_shard,
    send,
    slots_of,
    through,
)
from tests.integration.running_api import RunningApi, Traveller, running_api, settings_over, wish
from tests.private_servers import Servers

KEY = "0f5d3c8e-first-try"
NOWHERE = "postgresql://farelark:hunter2@127.0.0.1:1/none"


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"))) as api:
        yield api


@pytest.fixture(scope="module")
def second_server(api: RunningApi) -> Iterator[RunningApi]:
    """Another one over the same databases, which cannot read the boards: its own replies would be others."""
    with running_api(api.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"})) as second:
        yield second


@pytest.fixture
def traveller(api: RunningApi) -> Traveller:
    return api.traveller()


def told(answer: Response) -> tuple[int, bytes, str, str]:
    """All of an answer that tells what came of the request."""
    return answer.status_code, answer.content, answer.headers["Location"], answer.headers["ETag"]


def count_keys(api: RunningApi, condition: str) -> int:
    (row,) = api.rows(api.settings.accounts_url, f"SELECT count(*) FROM idempotency_keys WHERE {condition}")  # noqa: S608 - our own
    return int(row["count"])


def let_pass(api: RunningApi, span: timedelta) -> None:
    """Let this time go by since all keys came."""
    seconds = span.total_seconds()
    statement = f"UPDATE idempotency_keys SET created_at = created_at - interval '{seconds} s' RETURNING key"  # noqa: S608 - our own
    assert api.rows(api.settings.accounts_url, statement)


def test_a_repeat_gets_the_answer_of_the_first(
    api: RunningApi, second_server: RunningApi, traveller: Traveller
) -> None:
    first = create(traveller, KEY)
    assert first.status_code == 201
    assert told(create(traveller, KEY)) == told(first)
    assert told(create(through(traveller, second_server), KEY)) == told(first)
    assert [str(row["id"]) for row in alerts_of(api, traveller)] == [first.json()["id"]]
    assert slots_of(api, traveller) == {first.json()["id"]}


def test_ten_at_once_make_one_alert_and_get_equal_replies(
    api: RunningApi, second_server: RunningApi, traveller: Traveller
) -> None:
    twin = through(traveller, second_server)
    answers = at_once(*((who, KEY, "NYC") for who in (traveller, twin) * 5))
    assert {told(answer) for answer in answers} == {told(answers[0])}
    assert answers[0].status_code == 201
    assert len(alerts_of(api, traveller)) == len(slots_of(api, traveller)) == 1


def test_what_counts_is_what_a_body_says_and_not_how(traveller: Traveller) -> None:
    first = create(traveller, KEY)
    otherwise = dict(reversed(wish().items())) | {"cabin": None}
    assert told(send(traveller, "POST", "/api/alerts", otherwise, {"Idempotency-Key": KEY})) == told(first)


def test_a_key_stands_for_one_body(api: RunningApi, traveller: Traveller) -> None:
    create(traveller, KEY)
    answer = create(traveller, KEY, cabin="first")
    assert (answer.status_code, answer.headers["Content-Type"]) == (409, "application/problem+json")
    assert answer.json()["type"] == "urn:farelark:key-reused"
    assert "another body" in answer.json()["detail"]
    assert len(alerts_of(api, traveller)) == 1


def test_of_two_bodies_at_once_under_one_key_one_is_refused(
    api: RunningApi, second_server: RunningApi, traveller: Traveller
) -> None:
    answers = at_once((traveller, KEY, "NYC"), (through(traveller, second_server), KEY, "PAR"))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert len(alerts_of(api, traveller)) == 1


def test_travellers_and_keys_have_nothing_to_do_with_each_other(api: RunningApi, traveller: Traveller) -> None:
    wanted = [(traveller, KEY), (traveller, KEY + "2"), (traveller, ""), (traveller, ""), (api.traveller(), KEY)]
    made = {create(who, key).json()["id"] for who, key in wanted}
    assert len(made) == 5


@pytest.mark.parametrize("key", [b"", b" ", b"a b", b"a\tb", b"\x7f", "\u00fc".encode(), b"x" * 256])
def test_a_key_is_visible_ascii_of_a_length(api: RunningApi, traveller: Traveller, key: bytes) -> None:
    headers = {b"Authorization": traveller.headers["Authorization"].encode(), b"Idempotency-Key": key}
    answer = api.client.post("/api/alerts", json=wish(), headers=headers)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
    assert alerts_of(api, traveller) == []


def test_a_long_key_is_as_good_as_a_short_one(traveller: Traveller) -> None:
    assert told(create(traveller, "~" * 255)) == told(create(traveller, "~" * 255))
    assert told(create(traveller, "!")) == told(create(traveller, "!"))


def test_what_is_refused_leaves_its_key_free(api: RunningApi, traveller: Traveller) -> None:
    assert create(traveller, KEY, origin="QQQ").status_code == 400
    assert create(traveller, KEY, rule={"kind": "drop", "percent": 9, "currency": "CHF"}).status_code == 400
    assert count_keys(api, f"user_id = '{traveller.id}'") == 0
    assert create(traveller, KEY).status_code == 201


def test_the_answer_stays_whatever_became_of_the_alert(api: RunningApi, traveller: Traveller) -> None:
    first = create(traveller, KEY)
    path = first.headers["Location"]
    assert traveller.patch(path, {"origin": route_in_another_shard("NYC-LON")}).status_code == 200
    assert told(create(traveller, KEY)) == told(first)
    assert traveller.delete(path).status_code == 204
    assert told(create(traveller, KEY)) == told(first)
    assert alerts_of(api, traveller) == []


def test_the_answer_needs_no_shard(api: RunningApi, traveller: Traveller) -> None:
    first = create(traveller, KEY)
    with running_api(api.settings.model_copy(update={"shard_urls": NOWHERE})) as stranded:
        assert told(create(through(traveller, stranded), KEY)) == told(first)


def test_a_key_is_kept_for_a_day(api: RunningApi, traveller: Traveller) -> None:
    first = create(traveller, KEY)
    let_pass(api, KEPT - timedelta(minutes=5))
    assert told(create(traveller, KEY)) == told(first)
    let_pass(api, timedelta(minutes=6))
    second = create(traveller, KEY, cabin="first")
    assert (second.status_code, second.json()["cabin"]) == (201, "first")
    assert told(create(traveller, KEY, cabin="first")) == told(second)


def test_old_keys_go_with_new_ones(api: RunningApi, traveller: Traveller) -> None:
    for number in range(5):
        create(traveller, f"old-{number}")
    let_pass(api, KEPT)
    create(traveller, "new")
    assert count_keys(api, "created_at < now() - interval '24 hours'") == 0
    assert count_keys(api, f"user_id = '{traveller.id}'") == 1


@asynccontextmanager
async def creator(api: RunningApi, failpoints: Failpoints) -> AsyncIterator[AlertCreator]:
    """What makes alerts behind the API, where it can be killed."""
    accounts = open_engine(api.settings.accounts_url, application="tests", pool_size=2)
    shards = Shards.at(api.settings.shards, application="tests", pool_size=2)
    try:
        yield AlertCreator(AlertsStore(shards), Reservations(accounts, 100), NoReplies(), failpoints)
    finally:
        await accounts.dispose()
        await shards.close()


class NoReplies(WriteReplies):
    """Nobody lives long enough to reply."""

    def __init__(self) -> None:
        pass


def die(api: RunningApi, traveller: Traveller, at: str) -> None:
    """Have the alert made under the key by a server that dies at a failpoint."""
    request = convert(wish(), AlertRequest)

    async def dying() -> None:
        async with creator(api, Crashing(at)) as making:
            with pytest.raises(CrashError):
                await making.create(UUID(traveller.id), request, KEY, datetime.now(UTC))

    asyncio.run(dying())


def test_the_answer_stays_when_the_dates_are_over(api: RunningApi, traveller: Traveller) -> None:
    first = create(traveller, KEY)
    request = convert(wish(), AlertRequest)
    much_later = datetime.now(UTC) + timedelta(days=50)

    async def repeated() -> bytes:
        async with creator(api, Failpoints(None)) as making:
            with pytest.raises(InvalidFieldError, match="departure_to: is in the past"):
                await making.create(UUID(traveller.id), request, None, much_later)
            return (await making.create(UUID(traveller.id), request, KEY, much_later)).body

    assert asyncio.run(repeated()) == first.content


@pytest.mark.parametrize(("at", "made"), [("alerts_api.create_reserved", 0), ("alerts_api.create_added", 1)])
def test_a_repeat_goes_on_where_a_server_has_died(api: RunningApi, traveller: Traveller, at: str, made: int) -> None:
    die(api, traveller, at)
    assert len(alerts_of(api, traveller)) == made
    assert len(slots_of(api, traveller)) == 1
    answers = [create(traveller, KEY) for _ in range(2)]
    assert answers[0].status_code == 201
    assert told(answers[0]) == told(answers[1])
    assert (
        {str(row["id"]) for row in alerts_of(api, traveller)} == slots_of(api, traveller) == {answers[0].json()["id"]}
    )
    assert create(traveller, KEY, cabin="first").status_code == 409


def test_a_repeat_finds_an_alert_that_has_moved_since(api: RunningApi, traveller: Traveller) -> None:
    """It was made, and its server died; its traveller found it in the list and gave it another route."""
    die(api, traveller, "alerts_api.create_added")
    (row,) = alerts_of(api, traveller)
    elsewhere = route_in_another_shard("NYC-LON")
    assert traveller.patch(f"/api/alerts/{row['id']}", {"origin": elsewhere}).status_code == 200
    answer = create(traveller, KEY)
    assert (answer.status_code, answer.json()["id"], answer.json()["origin"]) == (201, str(row["id"]), elsewhere)
    assert len(alerts_of(api, traveller)) == 1


def test_a_repeat_takes_its_slot_again_if_that_was_given_back(api: RunningApi, traveller: Traveller) -> None:
    die(api, traveller, "alerts_api.create_reserved")
    freed = f"DELETE FROM alert_slots WHERE user_id = '{traveller.id}' RETURNING alert_id"  # noqa: S608 - our own
    assert len(api.rows(api.settings.accounts_url, freed)) == 1
    answer = create(traveller, KEY)
    assert answer.status_code == 201
    assert slots_of(api, traveller) == {answer.json()["id"]}


async def test_of_two_replies_the_first_is_kept(api: RunningApi, traveller: Traveller) -> None:
    request = RepeatableRequest.of(UUID(traveller.id), KEY, convert(wish(), AlertRequest))
    accounts = open_engine(api.settings.accounts_url, application="tests", pool_size=1)
    reservations = Reservations(accounts, 100)
    await reservations.reserve(request.user_id, uuid4(), request)
    kept = [await reservations.keep_reply(request, reply) for reply in (b"first", b"second")]
    assert [*kept, await reservations.earlier_reply(request)] == [b"first"] * 3
    await accounts.dispose()


async def test_an_alert_is_added_once_under_its_id(shard_engines: list[AsyncEngine]) -> None:
    """By two who have both found that there is none yet."""
    store, user, now = AlertsStore(Shards(shard_engines)), uuid4(), datetime.now(UTC)
    request = convert(wish(), AlertRequest)
    alert_id = await store.new_id(request, now)
    added = await asyncio.gather(*(store.add(user, request, now, alert_id) for _ in range(5)))
    assert {(alert.id, alert.etag) for alert in added} == {(alert_id, added[0].etag)}
    assert (await store.page(user, Listing(), 10, 0, None)).total == 1
