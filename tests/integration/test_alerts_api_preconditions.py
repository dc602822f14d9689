"""Tags of alerts: reading again only what has changed, and writing over only what one has seen."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.alerts.edits import AlertEditor
from services.alerts_api.alerts.resources import AlertRequest, Money, Target
from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.http.etags import StaleError
from shared.failpoints import Failpoints
from shared.shards import Shards
from tests.integration.alert_rows import SHARD_MAP
from tests.integration.kept_alerts import FIRED, ORIGINS, WRITES, Kept, route_in_another_shard
from tests.integration.running_api import RunningApi, running_api, settings_over, wish
from tests.integration.stepped_shards import Actor, Work
from tests.private_servers import Servers

OTHER = '"0123456789abcdef0123456789abcdef"'


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"))) as api:
        yield api


@pytest.fixture
def kept(api: RunningApi) -> Kept:
    return Kept(api, api.traveller())


def test_every_reply_that_is_one_alert_bears_its_tag(kept: Kept) -> None:
    assert kept.send("GET").headers["ETag"] == kept.etag
    answers = [kept.send(method, tail, body) for method, tail, body in WRITES if method != "DELETE"]
    answers.append(kept.send("PATCH", body={"origin": route_in_another_shard("NYC-LON")}))
    for answer in answers:
        assert answer.status_code == 200
        assert answer.headers["ETag"].startswith('"')
    assert kept.send("GET").headers["ETag"] == answers[-1].headers["ETag"]


@pytest.mark.parametrize("header", ["{}", "W/{}", f"{OTHER}, {{}}", "*"])
def test_what_the_app_has_it_is_not_given_again(kept: Kept, header: str) -> None:
    answer = kept.send("GET", If_None_Match=header.format(kept.etag))
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", kept.etag)


@pytest.mark.parametrize("header", [OTHER, "", "nonsense"])
def test_what_the_app_does_not_have_it_is_given(kept: Kept, header: str) -> None:
    answer = kept.send("GET", If_None_Match=header)
    assert (answer.status_code, answer.json()["id"]) == (200, kept.id)


@pytest.mark.parametrize(
    "changes",
    [
        "armed_price = armed_price - 1",
        "state = 'fired'",
        "last_fired_at = now()",
        "updated_at = updated_at + interval '1 microsecond'",
        FIRED,
    ],
)
def test_whatever_others_change_of_what_is_shown_changes_the_tag(kept: Kept, changes: str) -> None:
    kept.set(changes)
    answer = kept.send("GET", If_None_Match=kept.etag)
    assert answer.status_code == 200
    assert answer.headers["ETag"] != kept.etag


def test_every_change_by_its_traveller_changes_the_tag(kept: Kept) -> None:
    changes = [("PATCH", "", {"cabin": "first"}), ("PATCH", "", {"cabin": None}), *WRITES[3:], ("PUT", "", wish())]
    tags = [kept.etag, *(kept.send(method, tail, body).headers["ETag"] for method, tail, body in changes[:-1])]
    assert len(set(tags)) == len(tags)
    assert kept.send("PUT", body=wish()).headers["ETag"] == tags[-1], "the same wish again changes nothing"


def test_what_is_not_shown_leaves_the_tag_as_it_is(kept: Kept) -> None:
    kept.set("check_at = NULL, watched_board = 1, watched_fare = 2, watched_at = 3")
    assert kept.send("GET", If_None_Match=kept.etag).status_code == 304
    assert kept.send("PATCH", body={"cabin": "first"}, If_Match=kept.etag).status_code == 200


@pytest.mark.parametrize(("method", "tail", "body"), WRITES)
def test_a_tag_that_is_not_its_own_stops_every_write(kept: Kept, method: str, tail: str, body: object) -> None:
    before = kept.row
    for tag in (OTHER, f"W/{kept.etag}", "", "nonsense", '"*"'):
        answer = kept.send(method, tail, body, If_Match=tag)
        assert (answer.status_code, answer.headers["Content-Type"]) == (412, "application/problem+json")
    assert kept.row == before


@pytest.mark.parametrize(("method", "tail", "body"), WRITES)
@pytest.mark.parametrize("header", ["{}", f"{OTHER}, {{}}", "*"])
def test_a_tag_that_still_holds_lets_every_write_through(
    kept: Kept, method: str, tail: str, body: object, header: str
) -> None:
    assert kept.send(method, tail, body, If_Match=header.format(kept.etag)).status_code in {200, 204}


def test_a_tag_says_nothing_of_what_is_another_s_or_gone(kept: Kept) -> None:
    stranger = Kept(kept.api, kept.api.traveller())
    stranger.path = kept.path
    kept.send("DELETE")
    for alert in (stranger, kept):
        answers = [alert.send(method, tail, body, If_Match="*") for method, tail, body in WRITES]
        assert [answer.status_code for answer in answers] == [404] * len(WRITES)


def test_of_two_who_have_seen_the_same_one_writes(kept: Kept) -> None:
    def edit(max_stops: int) -> int:
        return kept.send("PATCH", body={"max_stops": max_stops}, If_Match=kept.etag).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(edit, range(8)))
    assert statuses == [200] + [412] * 7
    assert kept.row["revision"] == 1


USER, NOW = uuid4(), datetime.now(UTC)
ELSEWHERE = next(city for city in ORIGINS if SHARD_MAP.shard_of(f"{city}-LON") != SHARD_MAP.shard_of("NYC-LON"))
DAY = NOW.date() + timedelta(days=30)
WISH = AlertRequest(
    origin="NYC", destination="LON", departure_from=DAY, departure_to=DAY, rule=Target(Money(9_000, "EUR"))
)


def editing(shards: Shards, alert_id: UUID, tag: str, origin: str) -> object:
    def change(wish: AlertRequest) -> AlertRequest:
        return AlertRequest(
            origin=origin, destination="LON", departure_from=DAY, departure_to=DAY, max_stops=1, rule=wish.rule
        )

    return AlertEditor(shards, Failpoints(None)).edit(USER, alert_id, change, NOW, tag)


@pytest.mark.parametrize(
    "write",
    [
        lambda alert_id, tag: lambda shards: editing(shards, alert_id, tag, "NYC"),
        lambda alert_id, tag: lambda shards: editing(shards, alert_id, tag, ELSEWHERE),
        lambda alert_id, tag: lambda shards: AlertsStore(shards).pause(USER, alert_id, tag),
        lambda alert_id, tag: lambda shards: AlertsStore(shards).remove(USER, alert_id, tag),
    ],
    ids=["edit", "move", "pause", "delete"],
)
async def test_the_tag_holds_for_the_row_that_is_written_not_only_for_the_one_that_was_read(
    shard_engines: list[AsyncEngine], write: Callable[[UUID, str], Work]
) -> None:
    """The alert fires, as it were, between the reading and the writing."""
    store = AlertsStore(Shards(shard_engines))
    before = await store.add(USER, WISH, NOW)
    writing = Actor(shard_engines, write(before.id, before.etag))
    await writing.step()
    paused = await store.pause(USER, before.id)
    assert isinstance(await writing.end(), StaleError)
    after = await store.find(USER, before.id)
    assert (after.etag, after.row["state"], after.request) == (paused.etag, "paused", WISH)
