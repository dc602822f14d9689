"""Two travellers, every route, every verb: nobody reads or writes what is another's."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from httpx import Response
from sqlalchemy import insert

from shared.databases import open_engine
from shared.messages.notifications import encode_one
from shared.schema.accounts import notifications
from tests.integration.notifying import fired
from tests.integration.running_api import RunningApi, Traveller, running_api, settings_over, wish
from tests.private_servers import Servers

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MANY = str(10**6)
# What says who one is, or ends one's own account, is not asked in another's name.
OWN = ("/api/auth/", "/api/me")


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    wide = {"user_reads_per_minute": MANY, "user_writes_per_minute": MANY}
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"), **wide)) as api:
        yield api


@pytest.fixture(scope="module")
def paths(api: RunningApi) -> dict[str, dict[str, Any]]:
    """The operations of every path, as the API itself says."""
    found: dict[str, dict[str, Any]] = api.client.get("/schema/openapi.json").json()["paths"]
    return found


@pytest.fixture
def owner(api: RunningApi) -> Traveller:
    """Somebody with one of everything."""
    owner = api.traveller()
    owner.post("/api/alerts", wish())
    owner.post("/api/devices", {"platform": "ios", "token": uuid4().hex})
    owner.patch("/api/me/preferences", {"most_per_day": 7})
    asyncio.run(tell(api, owner))
    return owner


async def tell(api: RunningApi, traveller: Traveller) -> None:
    """Write a notification down as the notifier does."""
    notice = fired(UUID(traveller.id), at=datetime.now(UTC))
    notice = msgspec.structs.replace(notice, fare=msgspec.structs.replace(notice.fare, source="test"))
    row = {
        "id": notice.id,
        "fired_on": notice.day,
        "user_id": notice.user_id,
        "alert_id": notice.alert_id,
        "content": msgspec.json.decode(encode_one(notice)),
        "state": "sent",
    }
    engine = open_engine(api.settings.accounts_url, application="tests", pool_size=1)
    async with engine.begin() as connection:
        await connection.execute(insert(notifications).values(row))
    await engine.dispose()


def possessions(owner: Traveller) -> dict[str, Any]:
    """All that the API knows of somebody, apart from when they asked."""
    answer = owner.get("/api/me/export")
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.json().items() if name != "exported_at"}


def ids_of(owned: dict[str, Any]) -> dict[str, str]:
    """What stands for each parameter of a path."""
    return {
        "alert_id": owned["alerts"][0]["id"],
        "device_id": owned["devices"][0]["id"],
        "notification_id": owned["notifications"][0]["id"],
    }


def ask(stranger: Traveller, verb: str, path: str, operation: dict[str, Any]) -> Response:
    """Send a request with the body of its example, if it has one."""
    contents = operation.get("requestBody", {}).get("content", {})
    examples = [example for content in contents.values() for example in content["schema"]["examples"]]
    body = examples[0] if examples else None
    return stranger.client.request(verb, path, json=body, headers=stranger.headers)


def test_what_is_anothers_is_not_there_on_any_verb_of_any_route(
    api: RunningApi, owner: Traveller, paths: dict[str, dict[str, Any]]
) -> None:
    before, stranger = possessions(owner), api.traveller()
    ids = ids_of(before)
    of_one = [path for path in paths if "{" in path]
    assert len(of_one) >= 6
    for path in of_one:
        for verb in VERBS:
            operation = paths[path].get(verb.lower(), {})
            answer = ask(stranger, verb, path.format(**ids), operation)
            assert answer.status_code == (404 if operation else 405), f"{verb} {path}: {answer.text}"
    assert possessions(owner) == before


def test_no_answer_to_a_stranger_holds_anything_of_anothers(
    api: RunningApi, owner: Traveller, paths: dict[str, dict[str, Any]]
) -> None:
    before, stranger = possessions(owner), api.traveller()
    secrets = [*ids_of(before).values(), owner.id, owner.email, owner.headers["Authorization"].split()[1]]
    for path, operations in paths.items():
        if "{" in path or path.startswith(OWN):
            continue
        for verb, operation in operations.items():
            answer = ask(stranger, verb.upper(), path, operation)
            assert [secret for secret in secrets if secret in answer.text] == [], f"{verb} {path}"
    assert possessions(owner) == before


def test_receipts_for_what_is_anothers_change_nothing(api: RunningApi, owner: Traveller) -> None:
    before, stranger = possessions(owner), api.traveller()
    theirs = ids_of(before)["notification_id"]
    receipt = {"id": theirs, "event": "opened", "at": datetime.now(UTC).isoformat()}
    answer = stranger.post("/api/notifications/receipts", {"receipts": [receipt]})
    assert answer.status_code == 200, answer.text
    assert possessions(owner) == before


@pytest.mark.parametrize("verb", VERBS)
def test_without_a_token_nothing_answers_but_what_is_public(
    api: RunningApi, paths: dict[str, dict[str, Any]], verb: str
) -> None:
    wanting = [path for path, operations in paths.items() if operations.get(verb.lower(), {}).get("security")]
    for path in wanting:
        asked = path.format(alert_id=uuid4(), device_id=uuid4(), notification_id=uuid4())
        answer = api.client.request(verb, asked)
        assert answer.status_code == 401, f"{verb} {path}: {answer.text}"
    assert wanting or verb not in {"GET", "POST"}
