"""What the alerts API has answered is there after kill -9 of itself and of its databases."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from uuid import uuid4

import httpx
import psutil

from fleet.migrations import migrate
from fleet.servers import postgres
from fleet.servers.children import Children, children_in
from fleet.servers.postgres import Postgres
from fleet.servers.records import load_records
from services.alerts_api.http.settings import LimitSettings
from tests.integration.api_processes import process, up
from tests.integration.kept_alerts import ORIGINS
from tests.integration.running_api import PASSWORD, RATES, wish

DATABASES = ("accounts", "shard0", "shard1")
AT_ONCE = 6
ENOUGH = 40

# The key, the path, and the body of each alert that was answered 201.
Made = dict[str, tuple[str, bytes]]


async def test_every_create_that_was_answered_survives_kill_9_of_server_and_databases(
    tmp_path: Path, *, server_programs: bool
) -> None:
    """Under load: some requests have been answered, others are at every step of the way."""
    assert server_programs
    with children_in(tmp_path / "servers", print) as children:
        database = start(children)
        await migrate_all(database)
        settings = settings_of(database)
        async with process(tmp_path, **settings) as (api, client):
            await up(api, client)
            headers = await registered(client)
            made = await create_until_killed(children, api, client, headers)
        while not children.exited():  # noqa: ASYNC110  # the kernel tells only who asks
            await asyncio.sleep(0.01)
        assert start(children, database.port) == database
        async with process(tmp_path, **settings) as (api, client):
            await up(api, client)
            await still_there(client, headers, made)


def start(children: Children, port: int | None = None) -> Postgres:
    server = postgres.launch(children, children.folder / "postgres", DATABASES, port)
    children.wait_ready(server)
    return server


async def migrate_all(database: Postgres) -> None:
    accounts, *shards = map(database.url, DATABASES)
    await migrate(accounts, shards, lambda _: None, today=datetime.now(UTC).date(), rates=RATES)


def settings_of(database: Postgres) -> dict[str, str]:
    accounts, *shards = map(database.url, DATABASES)
    unlimited = dict.fromkeys((*LimitSettings.model_fields, "alerts_per_user"), "1000000")
    return {"ACCOUNTS_URL": accounts, "SHARD_URLS": ",".join(shards)} | {
        name.upper(): value for name, value in unlimited.items()
    }


async def registered(client: httpx.AsyncClient) -> dict[str, str]:
    credentials = {"email": f"{uuid4().hex}@example.org", "password": PASSWORD}
    answer = await client.post("/api/auth/register", json=credentials)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def create_until_killed(
    children: Children, api: Process, client: httpx.AsyncClient, headers: dict[str, str]
) -> Made:
    """Have alerts made side by side, and kill everything while that goes on."""
    made: Made = {}
    enough = asyncio.Event()

    async def create() -> None:
        for number in count():
            key = f"{id(asyncio.current_task())}-{number}"
            try:
                answer = await repeatable(client, headers, key, number)
            except httpx.TransportError:
                return
            if answer.status_code != 201:
                assert answer.status_code == 503, answer.text
                return
            made[key] = answer.headers["Location"], answer.content
            if len(made) >= ENOUGH:
                enough.set()

    async with asyncio.TaskGroup() as creating:
        for _ in range(AT_ONCE):
            creating.create_task(create())
        await enough.wait()
        kill_database(children)
        api.kill()
    return made


async def repeatable(client: httpx.AsyncClient, headers: dict[str, str], key: str, number: int) -> httpx.Response:
    body = wish(origin=ORIGINS[number % len(ORIGINS)])
    return await client.post("/api/alerts", json=body, headers=headers | {"Idempotency-Key": key})


def kill_database(children: Children) -> None:
    """Kill the server with all its sessions."""
    (record,) = load_records(children.folder / "run")
    postmaster = psutil.Process(record.pid)
    for victim in (postmaster, *postmaster.children(recursive=True)):
        os.kill(victim.pid, signal.SIGKILL)


async def still_there(client: httpx.AsyncClient, headers: dict[str, str], made: Made) -> None:
    for key, (path, body) in made.items():
        assert (await client.get(path, headers=headers)).status_code == 200
        number = int(key.partition("-")[2])
        assert (await repeatable(client, headers, key, number)).content == body
    listed = (await client.get("/api/alerts", headers=headers)).json()["total"]
    assert len(made) <= listed <= len(made) + AT_ONCE, "besides these only those that were being made"
