"""Staying logged in: a refresh token serves once, among two servers too, and no session lasts for ever."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import pytest
from httpx import Response
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.accounts.sessions import SessionStore
from shared.databases import open_engine
from tests.integration.logged_in import login, refresh, session, sessions_of, successor
from tests.integration.running_api import RunningApi, running_api, settings_for, settings_over
from tests.private_servers import Servers

DAY = 86_400
AT_ONCE = 10


class Clock:
    """The servers' clock, which a test may put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def api(servers: Servers, clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api")), clock) as api:
        yield api


@pytest.fixture(scope="module")
def other_server(api: RunningApi, clock: Clock) -> Iterator[RunningApi]:
    """Another server over the same databases."""
    with running_api(api.settings, clock) as other:
        yield other


@pytest.fixture(autouse=True)
def _on_time(clock: Clock) -> None:
    clock.ahead = timedelta(0)


@pytest.fixture
async def accounts(api: RunningApi) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(api.settings.accounts_url, application="tests", pool_size=4)
    yield engine
    await engine.dispose()


def used_earlier(api: RunningApi, seconds: int) -> None:
    """Let all that was used have been used so much earlier."""
    statement = f"UPDATE refresh_tokens SET used_at = used_at - interval '{seconds} s' RETURNING hash"  # noqa: S608 - a number
    assert api.rows(api.settings.accounts_url, statement)


def at_once(*requests: Callable[[], Response]) -> list[Response]:
    with ThreadPoolExecutor(len(requests)) as pool:
        return [answer.result() for answer in [pool.submit(request) for request in requests]]


def test_who_logs_in_gets_a_refresh_token_for_60_days(api: RunningApi) -> None:
    grant = login(api, api.traveller()).json()
    assert grant.keys() == {
        "user_id",
        "access_token",
        "expires_in",
        "token_type",
        "refresh_token",
        "refresh_expires_in",
    }
    assert grant["refresh_expires_in"] == 60 * DAY


def test_a_refresh_gives_a_new_pair_of_tokens(api: RunningApi) -> None:
    traveller = api.traveller()
    first = login(api, traveller).json()
    answer = refresh(api, first["refresh_token"])
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    second = answer.json()
    assert second["user_id"] == traveller.id
    assert second["refresh_token"] != first["refresh_token"]
    headers = {"Authorization": f"Bearer {second['access_token']}"}
    assert api.client.get("/api/alerts", headers=headers).status_code == 200


def test_of_ten_refreshes_at_once_exactly_one_wins(api: RunningApi, other_server: RunningApi) -> None:
    token = session(api, api.traveller())
    servers = [api, other_server] * (AT_ONCE // 2)
    answers = at_once(*(lambda server=server: refresh(server, token) for server in servers))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * (AT_ONCE - 1)
    (winner,) = (answer for answer in answers if answer.status_code == 200)
    assert refresh(api, winner.json()["refresh_token"]).status_code == 200


def test_a_token_that_comes_again_later_ends_its_session(api: RunningApi) -> None:
    traveller = api.traveller()
    stolen, other = session(api, traveller), session(api, traveller)
    good = successor(api, stolen)
    used_earlier(api, 11)
    assert refresh(api, stolen).status_code == 401
    assert refresh(api, good).status_code == 401
    assert refresh(api, other).status_code == 200
    assert [row["revoked_reason"] for row in sessions_of(api, traveller)] == [None, "refresh_token_reused", None]


def test_a_token_from_long_before_ends_the_session_too(api: RunningApi) -> None:
    first = session(api, api.traveller())
    last = successor(api, successor(api, first))
    used_earlier(api, 11)
    assert refresh(api, first).status_code == 401
    assert refresh(api, last).status_code == 401


def test_a_refresh_whose_answer_was_lost_can_be_repeated_under_its_key(
    api: RunningApi, other_server: RunningApi
) -> None:
    token, key = session(api, api.traveller()), str(uuid4())
    servers = [api, other_server] * (AT_ONCE // 2)
    answers = at_once(*(lambda server=server: refresh(server, token, key) for server in servers))
    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    (following,) = {answer.json()["refresh_token"] for answer in answers}
    used_earlier(api, 50)
    assert successor(api, token, key) == following
    assert refresh(api, following).status_code == 200


def test_a_repeat_that_comes_late_ends_the_session(api: RunningApi) -> None:
    token = session(api, api.traveller())
    good = successor(api, token, "key")
    used_earlier(api, 61)
    assert refresh(api, token, "key").status_code == 401
    assert refresh(api, good).status_code == 401


@pytest.mark.parametrize("key", ["yek", None])
def test_under_another_key_it_is_no_repeat(api: RunningApi, key: str | None) -> None:
    token = session(api, api.traveller())
    good = successor(api, token, "key")
    assert refresh(api, token, key).status_code == 401
    used_earlier(api, 11)
    assert refresh(api, token, key).status_code == 401
    assert refresh(api, good).status_code == 401


def test_once_its_successor_was_used_nothing_is_repeated(api: RunningApi) -> None:
    token = session(api, api.traveller())
    latest = successor(api, successor(api, token, "key"))
    assert refresh(api, token, "key").status_code == 401
    latest = successor(api, latest)
    used_earlier(api, 11)
    assert refresh(api, token, "key").status_code == 401
    assert refresh(api, latest).status_code == 401


@pytest.mark.parametrize("key", ["x" * 256, "with space", "\x7f"])
def test_a_key_that_will_not_do_is_refused_before_the_token_is_used(api: RunningApi, key: str) -> None:
    token = session(api, api.traveller())
    assert refresh(api, token, key).status_code == 400
    assert refresh(api, token).status_code == 200


def test_a_session_lives_for_60_days_from_its_last_use(api: RunningApi, clock: Clock) -> None:
    token = session(api, api.traveller())
    for days in (59, 118):
        clock.ahead = timedelta(days=days)
        token = successor(api, token)
    clock.ahead = timedelta(days=178, seconds=1)
    assert refresh(api, token).status_code == 401


def test_no_session_lives_for_more_than_a_year(api: RunningApi, clock: Clock) -> None:
    token = session(api, api.traveller())
    for days in range(59, 364, 59):
        clock.ahead = timedelta(days=days)
        token = successor(api, token)
    clock.ahead = timedelta(days=364)
    grant = refresh(api, token).json()
    assert DAY - 60 < grant["refresh_expires_in"] <= DAY
    clock.ahead = timedelta(days=365)
    assert refresh(api, grant["refresh_token"]).status_code == 401


@pytest.mark.parametrize("token", ["a", "x" * 43, "x" * 4096])
def test_a_token_of_nobody_s_is_refused(api: RunningApi, token: str) -> None:
    answer = refresh(api, token)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_an_access_token_refreshes_nothing(api: RunningApi) -> None:
    assert refresh(api, login(api, api.traveller()).json()["access_token"]).status_code == 401


@pytest.mark.parametrize("path", ["/api/auth/refresh", "/api/auth/logout"])
@pytest.mark.parametrize("token", ["", "abc\n", "\x00", "x" * 4097, None, 5])
def test_what_cannot_be_a_token_names_the_field(api: RunningApi, path: str, token: object) -> None:
    answer = api.client.post(path, json={"refresh_token": token})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["refresh_token"]


def test_of_a_refresh_token_only_its_hash_is_kept(api: RunningApi) -> None:
    token = session(api, api.traveller())
    hashes = [row["hash"] for row in api.rows(api.settings.accounts_url, "SELECT hash FROM refresh_tokens")]
    assert sha256(token.encode()).digest() in hashes


async def test_sessions_that_expired_over_a_day_ago_are_forgotten(
    api: RunningApi, accounts: AsyncEngine, clock: Clock
) -> None:
    traveller = await asyncio.to_thread(api.traveller)
    clock.ahead = timedelta(hours=2)
    kept = await asyncio.to_thread(session, api, traveller)
    await SessionStore(accounts).forget_expired(datetime.now(UTC) + timedelta(days=61, hours=1))
    assert len(await asyncio.to_thread(sessions_of, api, traveller)) == 1
    assert (await asyncio.to_thread(refresh, api, kept)).status_code == 200


def test_no_token_and_no_password_is_in_a_log_or_an_error(
    api: RunningApi, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    traveller = api.traveller()
    stolen = session(api, traveller)
    secrets = {"canary-password", "canary-token", stolen, successor(api, stolen)}
    used_earlier(api, 11)
    credentials = {"email": traveller.email, "password": "canary-password"}
    nowhere = "postgresql://farelark:canary-password@127.0.0.1:1/none"
    with running_api(settings_for(nowhere, [nowhere], tmp_path_factory.mktemp("stranded"))) as stranded:
        answers = [
            refresh(api, stolen),
            refresh(api, "canary-token"),
            refresh(stranded, "canary-token"),
            api.client.post("/api/auth/login", json=credentials),
            stranded.client.post("/api/auth/login", json=credentials),
            api.client.post("/api/auth/refresh", content=b'{"refresh_token": "canary-token'),
            api.client.post("/api/auth/logout", json={"refresh_token": ["canary-token"]}),
            traveller.post(
                "/api/me/password", {"current_password": "canary-password", "new_password": "canary-password"}
            ),
            traveller.post("/api/me/password", {"current_password": "canary-password", "new_password": "x"}),
        ]
    assert {answer.status_code for answer in answers} == {400, 401, 403, 415, 503}
    told = "".join(answer.text for answer in answers) + "".join(capfd.readouterr())
    assert "refresh_token_reused" in told
    assert not any(secret in told for secret in secrets)
