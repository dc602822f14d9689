"""Being logged in no longer: logging out, here or everywhere, and another password."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.accounts.sessions import SessionStore
from services.alerts_api.accounts.store import AccountsStore
from services.alerts_api.accounts.user_lock import AccountGoneError
from shared.databases import open_engine
from tests.integration.logged_in import login, refresh, session, sessions_of, successor
from tests.integration.running_api import PASSWORD, RunningApi, running_api, settings_over
from tests.private_servers import Servers


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"))) as api:
        yield api


@pytest.fixture
async def accounts(api: RunningApi) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(api.settings.accounts_url, application="tests", pool_size=4)
    yield engine
    await engine.dispose()


def test_logging_out_ends_the_session_and_no_other(api: RunningApi) -> None:
    traveller = api.traveller()
    token, other = session(api, traveller), session(api, traveller)
    answers = [api.client.post("/api/auth/logout", json={"refresh_token": token}) for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert refresh(api, token).status_code == 401
    assert refresh(api, other).status_code == 200
    assert [row["revoked_reason"] for row in sessions_of(api, traveller)] == [None, "logout", None]


def test_logging_out_with_a_token_that_was_used_ends_the_session_too(api: RunningApi) -> None:
    token = session(api, api.traveller())
    good = successor(api, token)
    assert api.client.post("/api/auth/logout", json={"refresh_token": token}).status_code == 204
    assert refresh(api, good).status_code == 401


def test_logging_out_with_a_token_of_nobody_s_is_as_good(api: RunningApi) -> None:
    assert api.client.post("/api/auth/logout", json={"refresh_token": "x" * 43}).status_code == 204


def test_logging_out_everywhere_ends_every_session_of_one_s_own(api: RunningApi) -> None:
    traveller, other = api.traveller(), api.traveller()
    tokens = [session(api, traveller) for _ in range(2)]
    others = session(api, other)
    answer = traveller.post("/api/auth/logout-everywhere", {})
    assert (answer.status_code, answer.content) == (204, b"")
    assert [refresh(api, token).status_code for token in tokens] == [401, 401]
    assert refresh(api, others).status_code == 200
    assert {row["revoked_reason"] for row in sessions_of(api, traveller)} == {"logout_everywhere"}


@pytest.mark.parametrize("path", ["/api/auth/logout-everywhere", "/api/me/password"])
def test_without_a_token_nothing_is_ended_or_changed(api: RunningApi, path: str) -> None:
    assert api.client.post(path, json={}).status_code == 401


def test_another_password_ends_every_session_and_begins_one(api: RunningApi) -> None:
    traveller = api.traveller()
    before = session(api, traveller)
    answer = traveller.post("/api/me/password", {"current_password": PASSWORD, "new_password": "staple of the year"})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert refresh(api, before).status_code == 401
    assert refresh(api, answer.json()["refresh_token"]).status_code == 200
    assert login(api, traveller).status_code == 401
    assert login(api, traveller, "staple of the year").status_code == 200
    reasons = [row["revoked_reason"] for row in sessions_of(api, traveller)]
    assert reasons == ["password_changed", "password_changed", None, None]


def test_whoever_does_not_know_the_password_cannot_change_it(api: RunningApi) -> None:
    traveller = api.traveller()
    token = session(api, traveller)
    answer = traveller.post("/api/me/password", {"current_password": "not this one", "new_password": "mine, all mine"})
    assert (answer.status_code, answer.json()["detail"]) == (403, "the password is wrong")
    assert login(api, traveller).status_code == 200
    assert refresh(api, token).status_code == 200


def test_whoever_logs_in_elsewhere_has_no_password_to_change(api: RunningApi) -> None:
    traveller = api.traveller()
    as_external = "UPDATE users SET email = NULL, password_hash = NULL WHERE id = '{}' RETURNING id"
    api.rows(api.settings.accounts_url, as_external.format(traveller.id))
    answer = traveller.post("/api/me/password", {"current_password": PASSWORD, "new_password": "staple of the year"})
    assert answer.status_code == 409


async def test_of_two_who_change_a_password_at_once_one_does(api: RunningApi, accounts: AsyncEngine) -> None:
    store = AccountsStore(accounts)
    user = await store.find_user((await asyncio.to_thread(api.traveller)).email)
    assert user
    changes = [store.change_password(user, password_hash, datetime.now(UTC)) for password_hash in ("one", "other")]
    assert sorted(await asyncio.gather(*changes)) == [False, True]


async def test_a_login_that_the_new_password_overtakes_opens_nothing(api: RunningApi, accounts: AsyncEngine) -> None:
    store = AccountsStore(accounts)
    user = await store.find_user((await asyncio.to_thread(api.traveller)).email)
    assert user
    await store.change_password(user, "another", datetime.now(UTC))
    with pytest.raises(AccountGoneError):
        await SessionStore(accounts).open(user.id, user.password_hash, datetime.now(UTC))


async def test_a_login_in_hand_is_ended_by_the_new_password(api: RunningApi, accounts: AsyncEngine) -> None:
    """However the two meet: no session outlives the password that opened it."""
    store, sessions = AccountsStore(accounts), SessionStore(accounts)
    traveller = await asyncio.to_thread(api.traveller)
    user = await store.find_user(traveller.email)
    assert user
    opening = (sessions.open(user.id, user.password_hash, datetime.now(UTC)) for _ in range(3))
    changing = store.change_password(user, "another", datetime.now(UTC))
    await asyncio.gather(*opening, changing, return_exceptions=True)
    rows = await asyncio.to_thread(sessions_of, api, traveller)
    assert {row["revoked_reason"] for row in rows} == {"password_changed"}
