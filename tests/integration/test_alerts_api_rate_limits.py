"""How often the API may be asked, by whom, and what holds while Redis is away."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from limits import RateLimitItemPerMinute
from litestar.exceptions import TooManyRequestsException
from redis.asyncio import Redis

from services.alerts_api.accounts.keys import TokenKeys
from services.alerts_api.accounts.tokens import AccessTokens
from services.alerts_api.app import utc_now
from services.alerts_api.http.rate_limits import RateLimits
from tests.integration.api_processes import process, up
from tests.integration.running_api import PASSWORD, running_api, settings_over
from tests.private_servers import Servers

CLOSED = "redis://:hunter2@127.0.0.1:1"
TWO = RateLimitItemPerMinute(2, namespace="test")
LOGIN = "/api/auth/login"
# Each process is asked so often, so many at a time: four of them would let four times the limit through.
EACH = 30
AT_ONCE = 6


@asynccontextmanager
async def processes(count: int, folder: Path, **changes: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Processes of the API with one folder of keys and no databases: 503 is what gets past the limits."""
    async with AsyncExitStack() as stack:
        running = [await stack.enter_async_context(process(folder, **changes)) for _ in range(count)]
        for api, client in running:
            await up(api, client)
        yield [client for _, client in running]


def bearer(folder: Path) -> dict[str, str]:
    token = AccessTokens(TokenKeys(folder / "token_keys", utc_now)).issue(uuid4(), datetime.now(UTC))
    return {"Authorization": f"Bearer {token}"}


async def statuses(clients: Sequence[httpx.AsyncClient], request: httpx.Request) -> Counter[int]:
    """What all processes answer when each is asked `EACH` times."""

    async def ask(client: httpx.AsyncClient, times: int) -> list[int]:
        url = client.base_url.join(request.url.path)
        return [
            (await client.request(request.method, url, headers=request.headers, content=request.content)).status_code
            for _ in range(times)
        ]

    asked = await asyncio.gather(*(ask(client, EACH // AT_ONCE) for client in clients for _ in range(AT_ONCE)))
    return Counter(status for part in asked for status in part)


async def test_four_processes_let_no_more_through_than_a_limit(servers: Servers, redis: Redis, tmp_path: Path) -> None:
    assert redis
    limits = {
        "USER_READS_PER_MINUTE": "20",
        "USER_WRITES_PER_MINUTE": "10",
        "ADDRESS_REQUESTS_PER_MINUTE": "15",
        "ADDRESS_TRIES_PER_MINUTE": "5",
    }
    async with processes(4, tmp_path, REDIS_URL=servers.redis.url, **limits) as clients:
        user = bearer(tmp_path)
        json = {"Content-Type": "application/json"}
        root = "http://api"
        refused = 4 * EACH
        reads = httpx.Request("GET", f"{root}/api/devices", headers=user)
        assert await statuses(clients, reads) == {503: 20, 429: refused - 20}
        writes = httpx.Request("DELETE", f"{root}/api/devices/{uuid4()}", headers=user)
        assert await statuses(clients, writes) == {503: 10, 429: refused - 10}
        tokenless = httpx.Request("GET", f"{root}/api/devices")
        assert await statuses(clients, tokenless) == {401: 15, 429: refused - 15}
        tries = httpx.Request("POST", f"{root}{LOGIN}", headers=json, content=b"{}")
        assert await statuses(clients, tries) == {400: 5, 429: refused - 5}
        someone_else = httpx.Request("GET", f"{root}/api/devices", headers=bearer(tmp_path))
        assert (await statuses(clients[:1], someone_else))[503] == 20
        assert (await clients[0].get("/health/live")).status_code == 200


async def test_addresses_are_told_by_trusted_proxies_alone(servers: Servers, redis: Redis, tmp_path: Path) -> None:
    assert redis
    limits = {"REDIS_URL": servers.redis.url, "ADDRESS_TRIES_PER_MINUTE": "1"}

    async def tried(client: httpx.AsyncClient, forwarded_for: str) -> int:
        return (await client.post(LOGIN, json={}, headers={"X-Forwarded-For": forwarded_for})).status_code

    async with processes(1, tmp_path, TRUSTED_PROXIES="127.0.0.1/32, 10.0.0.0/8", **limits) as (client,):
        assert await tried(client, "203.0.113.1") == 400
        assert await tried(client, "203.0.113.1") == 429
        assert await tried(client, "198.51.100.7, 203.0.113.1, 10.1.2.3") == 429
        assert await tried(client, "203.0.113.1, 203.0.113.2") == 400
        assert await tried(client, "2001:db8:1:1::1") == 400
        assert await tried(client, "2001:db8:1:1:ffff::2") == 429
        assert await tried(client, "2001:db8:1:2::1") == 400
        assert await tried(client, "::ffff:203.0.113.2") == 429
    await redis.flushall()
    async with processes(1, tmp_path, **limits) as (client,):
        assert await tried(client, "203.0.113.1") == 400
        assert await tried(client, "203.0.113.2") == 429


async def test_a_process_whose_redis_is_away_limits_on_its_own(tmp_path: Path) -> None:
    async with processes(1, tmp_path, REDIS_URL=CLOSED, USER_READS_PER_MINUTE="1000") as (client,):
        request = httpx.Request("GET", "http://api/api/devices", headers=bearer(tmp_path))
        assert await statuses([client], request) == {503: EACH}


def test_an_account_has_few_tries_whatever_the_case_of_its_address(servers: Servers, tmp_path: Path) -> None:
    with running_api(settings_over(servers, tmp_path, account_tries_per_minute="2")) as api:
        first, second = api.traveller(), api.traveller()
        tries = [
            api.client.post(LOGIN, json={"email": email, "password": "wrong password"}).status_code
            for email in (first.email, first.email.upper(), first.email)
        ]
        assert tries == [401, 401, 429]
        assert api.client.post(LOGIN, json={"email": second.email, "password": PASSWORD}).status_code == 200


def test_a_password_is_not_to_be_guessed_by_who_has_stolen_a_token(servers: Servers, tmp_path: Path) -> None:
    with running_api(settings_over(servers, tmp_path, account_tries_per_minute="1")) as api:
        traveller = api.traveller()
        guess = {"current_password": "wrong password", "new_password": "mine from now on"}
        assert [traveller.post("/api/me/password", guess).status_code for _ in range(2)] == [403, 429]


async def test_a_refusal_says_what_the_limit_is_and_when_to_come_back(servers: Servers, redis: Redis) -> None:
    assert redis
    counts = RateLimits(servers.redis.url)
    await counts.count(TWO, "ann")
    await counts.count(TWO, "ann")
    with pytest.raises(TooManyRequestsException) as refusal:
        await counts.count(TWO, "ann")
    headers = refusal.value.headers
    assert headers
    wait = int(headers["Retry-After"])
    assert 1 <= wait <= 60
    assert headers["RateLimit-Policy"] == '"test";q=2;w=60'
    assert headers["RateLimit"] == f'"test";r=0;t={wait}'
    await counts.count(TWO, "bob")
    await counts.close()


async def test_a_full_redis_stops_nobody(servers: Servers, redis: Redis) -> None:
    counts = RateLimits(servers.redis.url)
    await redis.config_set("maxmemory", 1)
    try:
        await counts.count(TWO, "ann")
    finally:
        await redis.config_set("maxmemory", 0)
        await counts.close()


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 600.0

    def __call__(self) -> float:
        return self.now


async def test_without_redis_a_process_counts_by_the_minute() -> None:
    clock = Clock()
    counts = RateLimits(CLOSED, clock)
    await counts.count(TWO, "ann")
    await counts.count(TWO, "ann")
    await counts.count(TWO, "bob")
    with pytest.raises(TooManyRequestsException) as refusal:
        await counts.count(TWO, "ann")
    assert refusal.value.headers
    assert refusal.value.headers["Retry-After"] == "60"
    clock.now += 60
    await counts.count(TWO, "ann")
    await counts.close()


async def test_a_redis_that_says_nothing_is_asked_once_a_second() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0)
        clock = Clock()
        counts = RateLimits(f"redis://127.0.0.1:{silent.getsockname()[1]}", clock)
        for _ in range(5):
            await counts.count(RateLimitItemPerMinute(100), "ann")
        assert connections(silent) == 1
        clock.now += 1
        await counts.count(RateLimitItemPerMinute(100), "ann")
        assert connections(silent) == 1
        await counts.close()


def connections(listener: socket.socket) -> int:
    """How many have come since the last look."""
    count = 0
    while True:
        try:
            accepted, _ = listener.accept()
        except BlockingIOError:
            return count
        accepted.close()
        count += 1
