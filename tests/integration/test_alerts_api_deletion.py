"""Deleting an account: all that is its traveller's goes, whoever dies or is away, and nothing comes back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import Response
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import insert, select, update

from services.alerts_api.accounts.deletion import TOKENS_OVER, Deletions
from services.alerts_api.accounts.user_lock import AccountGoneError
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.schema.accounts import users
from shared.schema.shards import alerts
from tests.integration.crashing import CrashError, Crashing
from tests.integration.leaving import Databases, databases_of
from tests.integration.running_api import PASSWORD, SHARDS, RunningApi, Traveller, running_api, settings_over, wish
from tests.private_servers import Servers

NO_FAILPOINTS = Failpoints(None)
MINUTE = timedelta(minutes=1)
NOWHERE = "postgresql://farelark:hunter2@127.0.0.1:1/none"
NAMELESS = {"users": 1, "identities": 1, "alert_slots": SHARDS}


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"))) as api:
        yield api


@pytest.fixture
async def databases(api: RunningApi) -> AsyncIterator[Databases]:
    async with databases_of(api.settings) as databases:
        yield databases


@pytest.fixture
async def traveller(api: RunningApi, databases: Databases) -> Traveller:
    """Somebody who has something of everything, and is about to leave."""
    return await databases.settle(api)


def leave_for_good(traveller: Traveller, body: object = None, client: TestClient[Litestar] | None = None) -> Response:
    content = {"password": PASSWORD} if body is None else body
    return (client or traveller.client).request("DELETE", "/api/me", json=content, headers=traveller.headers)


def deletions(databases: Databases, failpoints: Failpoints = NO_FAILPOINTS) -> Deletions:
    return Deletions(databases.accounts, databases.shards, failpoints)


async def finish(databases: Databases, later: timedelta) -> None:
    """What a server does in the background, so much later."""
    await deletions(databases).finish(datetime.now(UTC) + later)


async def mark(databases: Databases, traveller: Traveller, failpoints: Failpoints = NO_FAILPOINTS) -> None:
    """Mark the account, and no more."""
    wanted = select(users.c.password_hash).where(users.c.id == UUID(traveller.id))
    async with databases.accounts.connect() as connection:
        password_hash = await connection.scalar(wanted)
    await deletions(databases, failpoints).mark(UUID(traveller.id), password_hash, datetime.now(UTC))


async def begin(databases: Databases, traveller: Traveller, failpoints: Failpoints) -> None:
    """What a server does when it is asked to."""
    await mark(databases, traveller, failpoints)
    await deletions(databases, failpoints).erase(UUID(traveller.id))


def requests_of(traveller: Traveller) -> list[Response]:
    """All that needs the account, under an access token that is good for some minutes more."""
    return [
        traveller.get("/api/me"),
        traveller.get("/api/me/export"),
        traveller.post("/api/alerts", wish()),
        traveller.post("/api/devices", {"token": f"again-{traveller.id}", "platform": "web"}),
        traveller.put("/api/me/preferences", {}),
        traveller.post("/api/me/password", {"current_password": PASSWORD, "new_password": "another one"}),
        traveller.post("/api/auth/logout-everywhere", {}),
        leave_for_good(traveller),
    ]


async def rows_of(databases: Databases, traveller: Traveller) -> list[dict[str, Any]]:
    """Their alerts, the first shard's first."""
    wanted = select(alerts).where(alerts.c.user_id == UUID(traveller.id))
    found = []
    for engine in databases.shards.engines:
        async with engine.connect() as connection:
            found += [dict(row) for row in (await connection.execute(wanted)).mappings()]
    return found


async def put_back(databases: Databases, shard: int, row: dict[str, Any]) -> None:
    async with databases.shards.engines[shard].begin() as connection:
        await connection.execute(insert(alerts).values(row))


async def test_all_is_gone_at_once_but_a_row_without_a_name(
    api: RunningApi, databases: Databases, traveller: Traveller
) -> None:
    other = await databases.settle(api)
    before = await databases.held(other)
    answer = leave_for_good(traveller)
    assert (answer.status_code, answer.content) == (204, b"")
    assert await databases.held(traveller) == NAMELESS
    async with databases.accounts.connect() as connection:
        row = (await connection.execute(select(users).where(users.c.id == UUID(traveller.id)))).one()
    assert (row.email, row.password_hash) == (None, None)
    assert await databases.held(other) == before


@pytest.mark.parametrize("later", [timedelta(0), TOKENS_OVER + MINUTE])
async def test_from_then_on_nobody_gets_in(
    api: RunningApi, databases: Databases, traveller: Traveller, later: timedelta
) -> None:
    credentials = {"email": traveller.email, "password": PASSWORD}
    token = api.client.post("/api/auth/login", json=credentials).json()["refresh_token"]
    assert leave_for_good(traveller).status_code == 204
    await finish(databases, later)
    assert api.client.post("/api/auth/login", json=credentials).status_code == 401
    assert api.client.post("/api/auth/refresh", json={"refresh_token": token}).status_code == 401
    assert [answer.status_code for answer in requests_of(traveller)] == [401] * 8
    assert await databases.held(traveller) == ({} if later else NAMELESS)


def test_the_address_can_be_registered_again_at_once(api: RunningApi, traveller: Traveller) -> None:
    assert leave_for_good(traveller).status_code == 204
    answer = api.client.post("/api/auth/register", json={"email": traveller.email, "password": PASSWORD})
    assert answer.status_code == 201
    assert answer.json()["user_id"] != traveller.id


@pytest.mark.parametrize("body", [{"password": "not this one"}, {"password": None}, {}])
async def test_without_the_password_nothing_goes(
    databases: Databases, traveller: Traveller, body: dict[str, object]
) -> None:
    before = await databases.held(traveller)
    answer = leave_for_good(traveller, body)
    assert (answer.status_code, answer.json()["detail"]) == (403, "the password is wrong")
    assert await databases.held(traveller) == before


async def test_whoever_logs_in_elsewhere_needs_no_password(databases: Databases, traveller: Traveller) -> None:
    async with databases.accounts.begin() as connection:
        nameless = update(users).where(users.c.id == UUID(traveller.id)).values(email=None, password_hash=None)
        await connection.execute(nameless)
    assert leave_for_good(traveller, {}).status_code == 204
    assert await databases.held(traveller) == NAMELESS


def test_without_a_token_or_with_another_body_nothing_goes(traveller: Traveller) -> None:
    assert traveller.client.request("DELETE", "/api/me", json={"password": PASSWORD}).status_code == 401
    answer = leave_for_good(traveller, {"password": PASSWORD, "user_id": traveller.id})
    assert [error["field"] for error in answer.json()["errors"]] == ["user_id"]
    assert traveller.get("/api/me").status_code == 200


async def test_a_password_changed_meanwhile_deletes_nothing(databases: Databases, traveller: Traveller) -> None:
    with pytest.raises(AccountGoneError):
        await deletions(databases).mark(UUID(traveller.id), "the hash of another", datetime.now(UTC))
    assert (await databases.held(traveller))["sessions"] == 1


async def test_the_row_goes_once_no_access_token_can_be_valid(databases: Databases, traveller: Traveller) -> None:
    leave_for_good(traveller)
    await finish(databases, TOKENS_OVER - MINUTE)
    assert await databases.held(traveller) == NAMELESS
    await finish(databases, TOKENS_OVER + MINUTE)
    assert await databases.held(traveller) == {}


async def test_what_comes_after_the_first_sweep_is_swept_too(databases: Databases, traveller: Traveller) -> None:
    (first, *_) = await rows_of(databases, traveller)
    leave_for_good(traveller)
    await put_back(databases, 0, first)
    await databases.notify(traveller)
    await finish(databases, 2 * MINUTE)
    assert await databases.held(traveller) == NAMELESS


async def test_what_a_server_has_just_begun_is_left_to_it(databases: Databases, traveller: Traveller) -> None:
    await mark(databases, traveller)
    await finish(databases, timedelta(0))
    assert (await databases.held(traveller))["alerts"] == SHARDS
    await finish(databases, 2 * MINUTE)
    assert await databases.held(traveller) == NAMELESS


async def test_a_shard_that_is_away_puts_off_the_rest_of_it(
    api: RunningApi, databases: Databases, traveller: Traveller
) -> None:
    settings = api.settings.model_copy(update={"shard_urls": ",".join([*api.settings.shards[:-1], NOWHERE])})
    with running_api(settings) as crippled:
        answer = leave_for_good(traveller, client=crippled.client)
    assert (answer.status_code, answer.content) == (202, b"")
    assert [answer.status_code for answer in requests_of(traveller)] == [401] * 8
    assert (await databases.held(traveller))["alerts"] == 1
    async with databases_of(settings) as crippled_databases:
        with pytest.raises(UnavailableError):
            await finish(crippled_databases, TOKENS_OVER + MINUTE)
    assert (await databases.held(traveller))["users"] == 1
    await finish(databases, TOKENS_OVER + MINUTE)
    assert await databases.held(traveller) == {}


@pytest.mark.parametrize("failpoint", ["alerts_api.account_marked", "alerts_api.alerts_erased"])
async def test_a_server_that_dies_leaves_the_rest_to_the_others(
    databases: Databases, traveller: Traveller, failpoint: str
) -> None:
    with pytest.raises(CrashError):
        await begin(databases, traveller, Crashing(failpoint))
    assert [answer.status_code for answer in requests_of(traveller)] == [401] * 8
    await finish(databases, 2 * MINUTE)
    assert await databases.held(traveller) == NAMELESS


@pytest.mark.parametrize("failpoint", ["alerts_api.alerts_erased", "alerts_api.account_erased"])
async def test_a_server_that_dies_in_the_background_leaves_the_rest_to_the_others(
    databases: Databases, traveller: Traveller, failpoint: str
) -> None:
    await mark(databases, traveller)
    with pytest.raises(CrashError):
        await deletions(databases, Crashing(failpoint)).finish(datetime.now(UTC) + TOKENS_OVER + MINUTE)
    assert (await databases.held(traveller))["users"] == 1
    await finish(databases, TOKENS_OVER + MINUTE)
    assert await databases.held(traveller) == {}


async def test_a_server_does_all_this_by_itself_and_forgets_sessions_long_expired(
    api: RunningApi, databases: Databases, traveller: Traveller
) -> None:
    stays = await databases.settle(api)
    await mark(databases, traveller)
    with running_api(api.settings, lambda: datetime.now(UTC) + timedelta(days=62)):
        while await databases.held(traveller) or "sessions" in await databases.held(stays):  # noqa: ASYNC110  # nobody is told
            await asyncio.sleep(0.05)
    assert (await databases.held(stays))["alerts"] == SHARDS
