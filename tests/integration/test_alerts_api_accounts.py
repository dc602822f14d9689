"""Registering and logging in, over real databases."""

from collections.abc import Iterator

import pytest

from tests.integration.running_api import PASSWORD, RunningApi, running_api, settings_over
from tests.private_servers import Servers


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"))) as api:
        yield api


def test_who_registers_is_logged_in(api: RunningApi) -> None:
    answer = api.client.post("/api/auth/register", json={"email": "Ann@Example.org", "password": PASSWORD})
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    grant = answer.json()
    assert (grant["token_type"], grant["expires_in"]) == ("Bearer", 900)
    headers = {"Authorization": f"bearer {grant['access_token']}"}
    assert api.client.get("/api/me", headers=headers).json()["email"] == "ann@example.org"


def test_logging_in_takes_the_address_in_any_case(api: RunningApi) -> None:
    traveller = api.traveller()
    body = {"email": traveller.email.upper(), "password": PASSWORD}
    answer = api.client.post("/api/auth/login", json=body)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["user_id"] == traveller.id


def test_an_address_registers_once(api: RunningApi) -> None:
    body = {"email": api.traveller().email.upper(), "password": "another one"}
    answer = api.client.post("/api/auth/register", json=body)
    assert answer.status_code == 409
    assert answer.json()["detail"] == "this email address is registered already"


def test_an_unknown_address_and_a_wrong_password_get_the_same_answer(api: RunningApi) -> None:
    known = {"email": api.traveller().email, "password": "wrong password"}
    unknown = {"email": "nobody@example.org", "password": PASSWORD}
    same = {"X-Request-Id": "same"}
    answers = [api.client.post("/api/auth/login", json=body, headers=same) for body in (known, unknown)]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()
    assert answers[0].headers.keys() == answers[1].headers.keys()
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}


def test_the_password_is_kept_as_an_argon2id_hash(api: RunningApi) -> None:
    traveller = api.traveller()
    statement = f"SELECT password_hash FROM users WHERE id = '{traveller.id}'"  # noqa: S608 - our own id
    (user,) = api.rows(api.settings.accounts_url, statement)
    assert user["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": "ann@example.org\n"}, "email"),
        ({"email": "änn@example.org"}, "email"),
        ({"email": "ann@" + "x" * 251}, "email"),
        ({"email": 5}, "email"),
        ({"password": "seven c"}, "password"),
        ({"password": "\N{PARTY POPPER}" * 257}, "password"),
        ({"user_id": "6a1f5c0e-3b0e-4e57-9a53-0a5b8f1f6a11"}, "user_id"),
    ],
)
def test_credentials_that_will_not_do_name_the_field(api: RunningApi, changes: dict[str, object], field: str) -> None:
    body = {"email": "new@example.org", "password": PASSWORD} | changes
    answer = api.client.post("/api/auth/register", json=body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("length", [8, 256])
def test_passwords_may_be_this_long(api: RunningApi, length: int) -> None:
    body = {"email": f"length{length}@example.org", "password": "\N{PARTY POPPER}" * length}
    assert api.client.post("/api/auth/register", json=body).status_code == 201
    assert api.client.post("/api/auth/login", json=body).status_code == 200
