"""What the API refuses, and how it answers when its databases are away."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.alerts_api.accounts.keys import TokenKeys
from services.alerts_api.accounts.tokens import AccessTokens
from services.alerts_api.app import utc_now
from tests.integration.running_api import PASSWORD, RunningApi, running_api, settings_for, settings_over, wish
from tests.private_servers import Servers

PROBLEM = "application/problem+json"
NOWHERE = "postgresql://farelark:hunter2@127.0.0.1:1/none"
JSON = {"Content-Type": "application/json"}
ONE = "/api/alerts/{alert_id}"
PROTECTED = [
    ("GET", "/api/alerts"),
    ("POST", "/api/alerts"),
    ("GET", ONE),
    ("PUT", ONE),
    ("PATCH", ONE),
    ("DELETE", ONE),
    ("POST", f"{ONE}/pause"),
    ("POST", f"{ONE}/resume"),
    ("POST", "/api/devices"),
]


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"))) as api:
        yield api


@pytest.fixture(scope="module")
def stranded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """An API whose databases are all away."""
    with running_api(settings_for(NOWHERE, [NOWHERE], tmp_path_factory.mktemp("stranded"))) as api:
        yield api


def headers_with_a_good_token(api: RunningApi) -> dict[str, str]:
    tokens = AccessTokens(TokenKeys(api.settings.jwt_keys, utc_now))
    return {"Authorization": f"Bearer {tokens.issue(uuid4(), datetime.now(UTC))}"}


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_without_a_token_nothing_opens(api: RunningApi, method: str, path: str) -> None:
    answer = api.client.request(method, path.format(alert_id=uuid4()), json={})
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Basic", "Digest", ""])
def test_a_good_token_opens_nothing_under_another_scheme(api: RunningApi, scheme: str) -> None:
    token = headers_with_a_good_token(api)["Authorization"].removeprefix("Bearer ")
    answer = api.client.get("/api/alerts", headers={"Authorization": f"{scheme} {token}".strip()})
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/schema", "/schema/openapi.json"])
def test_what_needs_no_token_is_open(api: RunningApi, path: str) -> None:
    assert api.client.get(path).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"\xff\xfe",
        b'{"email": "\xff", "password": "correct horse"}',
        b'{"email": "\\ud800@example.org", "password": "correct horse"}',
        b"[" * 60_000,
        b'{"email": ' + b"[" * 60_000,
        b'{"email": "a@example.org", "password": NaN}',
        b'{"email": "a@example.org", "password": "correct horse"} and more',
        b"null",
        b"[]",
        b"5",
    ],
    ids=str,
)
def test_a_body_that_is_no_credentials_is_the_client_s_mistake(api: RunningApi, body: bytes) -> None:
    answer = api.client.post("/api/auth/register", content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == PROBLEM


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/msgpack", ""])
def test_a_body_that_does_not_call_itself_json_is_not_read(api: RunningApi, content_type: str) -> None:
    body = json.dumps({"email": "plain@example.org", "password": PASSWORD})
    answer = api.client.post("/api/auth/register", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 415
    assert answer.headers["Content-Type"] == PROBLEM


@pytest.mark.parametrize("size", [64 * 1024 + 1, 11_000_000])
def test_a_body_over_64_kb_is_too_large(api: RunningApi, size: int) -> None:
    answer = api.client.post("/api/auth/register", content=b" " * size, headers=JSON)
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == PROBLEM


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/alerts"), ("PUT", ONE), ("PATCH", ONE)])
def test_what_is_no_wish_is_refused_whatever_is_to_become_of_it(api: RunningApi, method: str, path: str) -> None:
    """Before anything is looked up, and a body too large before it is read."""
    good = json.dumps(wish()).encode()
    headers, url = headers_with_a_good_token(api) | JSON, path.format(alert_id=uuid4())

    def status(body: bytes, **changes: str) -> int:
        answer = api.client.request(method, url, content=body, headers=headers | changes)
        assert answer.headers["Content-Type"] == PROBLEM
        return answer.status_code

    malformed = [
        b"",
        b"{",
        b"[]",
        b"5",
        b"\xff\xfe",
        good[:-1],
        good + good,
        good.replace(b"NYC", b"\xff"),
        b"[" * 60_000,
    ]
    assert {status(body) for body in malformed} == {400}
    assert {status(good, **{"Content-Type": other}) for other in ("text/plain", "application/msgpack")} == {415}
    assert {status(b" " * size) for size in (64 * 1024 + 1, 11_000_000)} == {413}
    assert status(b" " * 11_000_000, Authorization="Bearer nonsense") == 401


@pytest.mark.parametrize("tail", ["%00", "/%00", "%0A", "/pause%00", "/pause/me", "%F0%9F%8E%89" * 1_000])
def test_no_path_beside_an_alert_s_leads_to_it(api: RunningApi, tail: str) -> None:
    path, headers = ONE.format(alert_id=uuid4()) + tail, headers_with_a_good_token(api)
    answers = [
        api.client.request(method, path, headers=headers) for method in ("GET", "PUT", "PATCH", "DELETE", "POST")
    ]
    assert {answer.status_code for answer in answers} <= {404, 405}
    assert {answer.headers["Content-Type"] for answer in answers} == {PROBLEM}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api", 404),
        ("GET", "/api/alerts%00", 404),
        ("GET", "/api/auth/login/history", 404),
        ("DELETE", "/api/alerts", 405),
        ("GET", "/api/auth/login", 405),
    ],
)
def test_what_is_not_there_is_a_problem_document_too(api: RunningApi, method: str, path: str, status: int) -> None:
    answer = api.client.request(method, path, headers=headers_with_a_good_token(api))
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.json()["status"] == status


def test_a_database_that_is_away_is_503_with_a_time_to_come_back(stranded: RunningApi) -> None:
    client, headers = stranded.client, headers_with_a_good_token(stranded)
    answers = [
        client.post("/api/auth/register", json={"email": "ann@example.org", "password": PASSWORD}),
        client.post("/api/auth/login", json={"email": "ann@example.org", "password": PASSWORD}),
        client.post("/api/devices", json={"token": "abc", "platform": "web"}, headers=headers),
        client.post("/api/alerts", json=wish(), headers=headers),
        client.get("/api/alerts", headers=headers),
        client.get(f"/api/alerts/{uuid4()}", headers=headers),
        client.patch(f"/api/alerts/{uuid4()}", json={}, headers=headers),
        client.delete(f"/api/alerts/{uuid4()}", headers=headers),
        client.get("/health/ready"),
    ]
    assert [answer.status_code for answer in answers] == [503] * len(answers)
    assert {answer.headers["Retry-After"] for answer in answers} == {"5"}
    assert {answer.headers["Content-Type"] for answer in answers} == {PROBLEM}
    assert not any(word in answer.text for answer in answers for word in ("hunter2", "127.0.0.1", "Traceback"))
    assert client.get("/health/live").status_code == 200


def test_an_error_of_ours_is_500_without_a_word_about_its_inside(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that was never migrated stands for any mistake."""
    bare = servers.postgres.url("postgres")
    with running_api(settings_for(bare, [bare], tmp_path_factory.mktemp("bare"))) as api:
        body = {"email": "secret@example.org", "password": PASSWORD}
        answer = api.client.post("/api/auth/register", json=body)
    assert answer.status_code == 500
    assert answer.json()["detail"] == "this is our fault; it has been logged"
    assert PASSWORD not in caplog.text


def test_answers_are_counted_by_route_and_status(api: RunningApi) -> None:
    api.client.get("/api/alerts")
    metrics = api.client.get("/metrics").text
    assert 'farelark_http_requests_total{method="GET",route="/api/alerts",status="401"}' in metrics


def test_the_openapi_document_describes_a_wish(api: RunningApi) -> None:
    document = api.client.get("/schema").json()
    body = document["paths"]["/api/alerts"]["post"]["requestBody"]["content"]["application/json"]
    fields = document["components"]["schemas"]["AlertRequest"]["properties"]
    (example,) = body["schema"]["examples"]
    assert set(example) < set(fields)
    kinds = {
        name: document["components"]["schemas"][name]["properties"]["kind"] for name in ("Target", "Drop", "NewLow")
    }
    assert [kind["enum"] for kind in kinds.values()] == [["target"], ["drop"], ["new_low"]]
