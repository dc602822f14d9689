"""Two processes of the API behind the balancer that docs/haproxy.cfg configures."""

import asyncio
import os
import re
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from fleet.servers.errors import ProgramsMissingError
from fleet.servers.ports import free_ports
from fleet.servers.programs import haproxy, install_missing
from tests.integration.api_processes import REPOSITORY, process, up
from tests.integration.running_api import PASSWORD, settings_over
from tests.private_servers import Servers

CONFIGURATION = REPOSITORY / "docs" / "haproxy.cfg"
PROBLEM = "application/problem+json"
NO_TOKEN = {"refresh_token": "Qo8D3rWw1c2bq0m3JwJbQ7Zt9bXyW5sH0kFzU4vLrE8"}


@dataclass
class Balanced:
    """Two processes of the API, each with a client of its own, and what stands before them."""

    root: str
    apis: Sequence[tuple[Process, httpx.AsyncClient]]
    log: Path

    def client(self, address: str = "127.0.0.1") -> httpx.AsyncClient:
        """A client that comes from this address of the loopback network."""
        return httpx.AsyncClient(base_url=self.root, transport=httpx.AsyncHTTPTransport(local_address=address))

    async def logged(self, words: str) -> str:
        """The balancer's log, as soon as these words are in it."""
        while words not in (log := self.log.read_text()):  # noqa: ASYNC110  # another program writes it
            await asyncio.sleep(0.02)
        return log

    async def kill(self, number: int) -> None:
        self.apis[number][0].kill()
        await self.apis[number][0].wait()


@pytest.fixture(scope="module")
def program() -> Path:
    """HAProxy, installed if it was missing and we may; if not, CI fails and a desk skips."""
    try:
        install_missing(print, ["haproxy"])
    except ProgramsMissingError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    return haproxy()


@pytest.fixture(scope="module")
def environment(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the processes are told: migrated databases, who the balancer is, and a limit that is soon reached."""
    settings = settings_over(servers, tmp_path_factory.mktemp("migrated"))
    return {
        "ACCOUNTS_URL": settings.accounts_url,
        "SHARD_URLS": settings.shard_urls,
        "REDIS_URL": settings.redis_url,
        "TRUSTED_PROXIES": "127.0.0.1/32",
        "ADDRESS_TRIES_PER_MINUTE": "2",
    }


@pytest.fixture
async def balanced(environment: dict[str, str], redis: Redis, program: Path, tmp_path: Path) -> AsyncIterator[Balanced]:
    """The API, twice, and the balancer."""
    assert redis
    async with balance(program, tmp_path, environment, environment) as balanced:
        yield balanced


@asynccontextmanager
async def balance(program: Path, folder: Path, *environments: dict[str, str]) -> AsyncIterator[Balanced]:
    """A process of the API in each environment, and the balancer."""
    async with AsyncExitStack() as stack:
        apis = [await stack.enter_async_context(process(folder, **environment)) for environment in environments]
        for api in apis:
            await up(*api)
        log = folder / "haproxy.log"
        (port,) = free_ports(1)
        await stack.enter_async_context(_balancing(program, port, [client for _, client in apis], log))
        yield Balanced(f"http://127.0.0.1:{port}", apis, log)


@asynccontextmanager
async def _balancing(program: Path, port: int, clients: Sequence[httpx.AsyncClient], log: Path) -> AsyncIterator[None]:
    addresses = {"BALANCER_ADDRESS": f"127.0.0.1:{port}"} | {
        f"API_{number}": f"127.0.0.1:{client.base_url.port}" for number, client in enumerate(clients, 1)
    }
    with log.open("wb") as output:
        balancer = await asyncio.create_subprocess_exec(
            program, "-f", CONFIGURATION, env=addresses, stdout=output, stderr=output
        )
    try:
        await _listening(balancer, port)
        yield
    finally:
        if balancer.returncode is None:
            balancer.kill()
        await balancer.wait()


async def _listening(balancer: Process, port: int) -> None:
    while balancer.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    pytest.fail(f"the balancer ended with status {balancer.returncode}, see its log")


async def registered(client: httpx.AsyncClient) -> dict[str, str]:
    """What shows that somebody has just registered."""
    answer = await client.post("/api/auth/register", json={"email": "ann@example.org", "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_both_serve_and_either_is_enough(balanced: Balanced) -> None:
    async with balanced.client() as client:
        ann = await registered(client)
        answers = [(await client.get("/api/devices", headers=ann)).status_code for _ in range(10)]
        assert answers == [200] * 10
        for _, api in balanced.apis:
            served = re.search(r'route="/api/devices",status="200"} (\d+)', (await api.get("/metrics")).text)
            assert served
            assert int(served[1]) > 0
        await balanced.kill(0)
        answers = [(await client.get("/api/devices", headers=ann)).status_code for _ in range(10)]
        assert answers == [200] * 10
        await balanced.kill(1)
        nobody = await client.get("/api/devices", headers=ann)
        assert (nobody.status_code, nobody.headers["Content-Type"]) == (503, PROBLEM)
        assert nobody.headers["Retry-After"] == "5"


async def test_a_process_that_can_serve_nobody_is_sent_nothing(
    environment: dict[str, str], redis: Redis, program: Path, tmp_path: Path
) -> None:
    assert redis
    async with balance(program, tmp_path, environment, {}) as balanced, balanced.client() as client:
        await balanced.logged("Server api/api2 is DOWN")
        answers = [(await client.post("/api/auth/refresh", json=NO_TOKEN)).status_code for _ in range(10)]
        assert answers == [401] * 10, "the process without databases would answer 503"


async def test_the_api_sees_where_requests_come_from_and_nobody_sees_its_inside(balanced: Balanced) -> None:
    async with balanced.client("127.0.0.2") as one, balanced.client("127.0.0.3") as other:
        tries = [
            (await one.post("/api/auth/login", json={}, headers={"X-Forwarded-For": f"203.0.113.{number}"})).status_code
            for number in range(4)
        ]
        assert tries == [400, 400, 429, 429]
        assert (await other.post("/api/auth/login", json={})).status_code == 400
        for hidden in ("/health/ready", "/health/live", "/metrics"):
            answer = await one.get(hidden)
            assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM)


async def test_the_balancer_logs_each_request_with_its_id_and_without_its_secrets(balanced: Balanced) -> None:
    async with balanced.client() as client:
        secret = {"Authorization": "Bearer hunter2", "X-Request-Id": "find-me"}
        assert (await client.get("/api/devices", headers=secret)).headers["X-Request-Id"] == "find-me"
        log = await balanced.logged("find-me")
    assert "/api/devices" in log
    assert "hunter2" not in log
