"""The API's edges over the wire: what is no request, what browsers may do, and what never comes out."""

import asyncio
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.alerts_api.accounts.keys import TokenKeys
from services.alerts_api.accounts.tokens import AccessTokens
from services.alerts_api.app import utc_now
from services.alerts_api.http.settings import LimitSettings
from tests.integration.api_processes import log_in, process, up
from tests.integration.running_api import RunningApi, running_api, settings_for
from tests.private_servers import Servers

PROBLEM = "application/problem+json"
NOWHERE = "postgresql://farelark:hunter2@127.0.0.1:1/none"
PAGE = {"Origin": "https://app.example.com"}
PREFLIGHT = PAGE | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "Authorization"}
UNLIMITED = {name.upper(): "1000000" for name in LimitSettings.model_fields}
CANARY = "canary-5ac9d1"
SECRETS = {"password", "current_password", "new_password", "refresh_token", "token", "fid"}


def stranded(tmp_path_factory: pytest.TempPathFactory, **changes: str) -> Iterator[RunningApi]:
    settings = settings_for(NOWHERE, [NOWHERE], tmp_path_factory.mktemp("api"), **changes)
    with running_api(settings) as api:
        yield api


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """An API without databases."""
    yield from stranded(tmp_path_factory)


@pytest.fixture(scope="module")
def open_to_pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """An API that pages of one origin may call."""
    yield from stranded(tmp_path_factory, cors_origins="https://app.example.com, http://localhost:3000")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/schema/nowhere", 404),
        ("GET", "/schema/ui/swagger-ui.css", 404),
        ("GET", "/api/alerts/%00", 404),
        ("GET", "/api/alerts/%zz", 404),
        ("GET", "/api/alerts/%ff", 404),
        ("GET", "/health/ready", 503),
        ("GET", "/api/alerts", 401),
        ("OPTIONS", "/api/alerts", 401),
        ("TRACE", "/api/alerts", 405),
        ("BREW", "/api/alerts", 405),
        ("POST", "/api/auth/login", 415),
    ],
)
def test_every_refusal_is_a_problem_document_that_names_its_request(
    api: RunningApi, method: str, path: str, status: int
) -> None:
    answer = api.client.request(method, path, headers={"X-Request-Id": "mine"}, content=b"{}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM)
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"] == "mine"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("method", ["HEAD", "DELETE"])
def test_a_wrong_method_is_told_the_right_ones(api: RunningApi, method: str) -> None:
    answer = api.client.request(method, "/api/fares")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "OPTIONS"}


def test_readiness_tells_people_how_each_server_is(api: RunningApi) -> None:
    answer = api.client.get("/health/ready")
    assert answer.json()["servers"] == {"accounts": "away", "shard0": "away", "redis": "away", "rabbitmq": "ok"}


def test_no_page_may_call_the_api_unless_it_is_named(api: RunningApi) -> None:
    answers = [api.client.get("/health/live", headers=PAGE), api.client.options("/api/alerts", headers=PREFLIGHT)]
    assert not [name for answer in answers for name in answer.headers if name.startswith("access-control")]


def test_a_page_that_is_named_may(open_to_pages: RunningApi) -> None:
    allowed = open_to_pages.client.options("/api/alerts", headers=PREFLIGHT)
    assert allowed.status_code == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == PAGE["Origin"]
    refusal = open_to_pages.client.get("/api/alerts", headers=PAGE)
    assert refusal.status_code == 401
    assert refusal.headers["Access-Control-Allow-Origin"] == PAGE["Origin"]
    assert "X-Request-Id" in refusal.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in refusal.headers


def test_no_other_page_may(open_to_pages: RunningApi) -> None:
    elsewhere = {"Origin": "https://app.example.com.evil.example"}
    for answer in (
        open_to_pages.client.options("/api/alerts", headers=PREFLIGHT | elsewhere),
        open_to_pages.client.get("/health/live", headers=elsewhere),
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers


LOGIN = b"POST /api/auth/login HTTP/1.1\r\nHost: api\r\nConnection: close\r\nContent-Type: application/json\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: api\r\nConnection: close\r\n"
ELEVEN_MB = b" " * 11_000_000


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (LIVE + b"\r\n", 200),
        (b"GET /health/live%00 HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n", 404),
        (b"GET /api/alerts/%c0%af%ff HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n", 404),
        (b"GET /api/alerts\xff HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n", 404),
        (b"GET /health/live HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", 400),
        (LIVE + b"X-Request-Id: \xff\xfe\r\nAuthorization: Bearer \xff\r\n\r\n", 200),
        (LIVE + b"X-Many: x\r\n" * 200 + b"\r\n", 431),
        (LOGIN + b"Content-Length: 11000000\r\n\r\n" + ELEVEN_MB, 413),
        (LOGIN + b"Transfer-Encoding: chunked\r\n\r\na7d8c0\r\n" + ELEVEN_MB + b"\r\n0\r\n\r\n", 413),
        (LOGIN + b"Transfer-Encoding: chunked\r\n\r\nno number\r\n", 400),
        (LOGIN + b"Content-Length: -1\r\n\r\n", 400),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_whatever_comes_over_the_wire_is_answered(wire: tuple[str, int], sent: bytes, status: int) -> None:
    assert int((await told(wire, sent)).split(b" ", 2)[1]) == status


@pytest.mark.parametrize(
    "sent",
    [LIVE + b"X-Long: " + b"x" * 500_000, LIVE.replace(b"live", b"live?" + b"x" * 500_000)],
    ids=["header", "url"],
)
async def test_headers_without_end_are_cut_off(wire: tuple[str, int], sent: bytes) -> None:
    """The server closes without reading on, so that its answer may be lost."""
    try:
        assert (await told(wire, sent)).startswith(b"HTTP/1.1 431 ")
    except ConnectionError:
        assert (await told(wire, LIVE + b"\r\n")).startswith(b"HTTP/1.1 200 ")


async def told(wire: tuple[str, int], sent: bytes) -> bytes:
    """All that the server answers to these bytes."""
    reader, writer = await asyncio.open_connection(*wire)
    try:
        writer.write(sent)
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Where a process of the API listens."""
    with asyncio.Runner() as runner:
        running = process(tmp_path_factory.mktemp("wire"), **UNLIMITED)
        api, client = runner.run(running.__aenter__())
        runner.run(up(api, client))
        yield str(client.base_url.host), int(client.base_url.port or 0)
        runner.run(running.__aexit__(None, None, None))


async def test_a_body_of_eleven_megabytes_gets_its_answer(wire: tuple[str, int]) -> None:
    host, port = wire
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        answer = await client.post("/api/alerts", content=ELEVEN_MB, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.headers["Content-Type"]) == (401, PROBLEM)


@pytest.mark.parametrize("databases", ["away", "never migrated"])
async def test_secrets_come_out_nowhere(servers: Servers, tmp_path: Path, databases: str) -> None:
    """Every operation is asked in every wrong way, with a canary wherever a secret may stand."""
    bare = servers.postgres.url("postgres")
    urls = {"ACCOUNTS_URL": bare, "SHARD_URLS": bare} if databases == "never migrated" else {}
    async with process(tmp_path, **UNLIMITED, **urls) as (api, client):
        await up(api, client)
        statuses = await ask_everything(client, tmp_path)
        api.send_signal(signal.SIGTERM)
        assert await api.wait() == 0
    logs = log_in(tmp_path).read_text()
    assert statuses >= ({400, 401, 404, 415, 500} if databases == "never migrated" else {400, 401, 404, 415, 503})
    assert CANARY not in logs
    assert "hunter2" not in logs
    assert servers.postgres.password not in logs
    events = [json.loads(line) for line in logs.splitlines()]
    failures = [event for event in events if event["event"] in {"request_failed", "unavailable"}]
    assert failures
    assert all(failure["request_id"] for failure in failures)


async def ask_everything(client: httpx.AsyncClient, folder: Path) -> set[int]:
    """What statuses came; makes sure that no answer holds the canary."""
    document = (await client.get("/schema/openapi.json")).json()
    token = AccessTokens(TokenKeys(folder / "token_keys", utc_now)).issue(uuid4(), datetime.now(UTC))
    statuses = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for request in wrong_requests(client, method, path, example_of(operation), token):
                answer = await client.send(request)
                assert CANARY not in answer.text
                assert CANARY not in str(answer.headers)
                statuses.add(answer.status_code)
    return statuses


def wrong_requests(
    client: httpx.AsyncClient, method: str, path: str, example: object, token: str
) -> Iterator[httpx.Request]:
    as_json = {"Content-Type": "application/json"}
    good = as_json | {"Authorization": f"Bearer {token}"}
    somewhere = path.replace("{", "").replace("}", "").replace("alert_id", str(uuid4()))
    laced = json.dumps(lace(example))
    marked = {"Cookie": CANARY, "X-Request-Id": f"{CANARY} no id", "Idempotency-Key": CANARY, "If-Match": CANARY}
    for url, headers, content in [
        (somewhere, good, laced),
        (somewhere, good | marked, laced),
        (somewhere, as_json | {"Authorization": f"Bearer {CANARY}"}, laced),
        (somewhere, as_json | {"Authorization": f"Basic {CANARY}"}, laced),
        (somewhere, good, f'{{"password": "{CANARY}'),
        (somewhere, good, f'["{CANARY}"]'),
        (somewhere, good, f'{{"password": ["{CANARY}"], "token": {{"token": "{CANARY}"}}}}'),
        (somewhere, good | {"Content-Type": "text/plain"}, laced),
        (f"{somewhere}?token={CANARY}&cursor={CANARY}", good, laced),
        (f"{somewhere}/{CANARY}", good, laced),
        (path.replace("{", CANARY), good, laced),
    ]:
        yield client.build_request(method.upper(), url, headers=headers, content=content)


def example_of(operation: dict[str, Any]) -> Any:  # noqa: ANN401  # any JSON
    body = operation.get("requestBody", {"content": {"application/json": {"schema": {"examples": [{}]}}}})
    return body["content"]["application/json"]["schema"]["examples"][0]


def lace(value: object) -> object:
    """The example with a canary in the place of each secret."""
    match value:
        case dict():
            return {name: CANARY if name in SECRETS else lace(member) for name, member in value.items()}
        case list():
            return [lace(member) for member in value]
    return value
