"""The alerts API in the test's process, over migrated databases of its own."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from httpx import Response
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import text

from fleet.keys import ensure_key
from fleet.migrations import migrate
from fleet.servers.postgres import Postgres
from services.alerts_api.accounts import tokens
from services.alerts_api.app import create_app, utc_now
from services.alerts_api.http.settings import LimitSettings
from services.alerts_api.settings import Settings
from shared.databases import open_engine
from shared.fakes import FakeBroker
from shared.money import Rates
from shared.token_keys import TOKEN_LIFETIME
from tests.integration.fresh_databases import create_databases
from tests.private_servers import Servers

PASSWORD = "correct horse"
SHARDS = 3
RATES = Rates(date(2026, 11, 20), "EUR", {"EUR": (1, 1), "USD": (4, 5), "JPY": (5, 8)})


class Traveller:
    """Somebody who has registered, with the token to show for it."""

    def __init__(self, client: TestClient[Litestar]) -> None:
        self.client = client
        self.email = f"{uuid4().hex}@example.org"
        answer = client.post("/api/auth/register", json={"email": self.email, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        self.id: str = answer.json()["user_id"]
        self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def get(self, path: str, **params: str | int) -> Response:
        return self.client.get(path, params=params, headers=self.headers)

    def post(self, path: str, body: object) -> Response:
        return self.client.post(path, json=body, headers=self.headers)

    def put(self, path: str, body: object) -> Response:
        return self.client.put(path, json=body, headers=self.headers)

    def patch(self, path: str, body: object) -> Response:
        return self.client.patch(path, json=body, headers=self.headers)

    def delete(self, path: str) -> Response:
        return self.client.delete(path, headers=self.headers)


class ApiBroker(FakeBroker):
    """A broker in memory that publishes alone."""

    @property
    def connected(self) -> bool:
        return self.there

    async def close(self) -> None:
        self.there = False


class RunningApi:
    """The application, what it was told, what it has published, and a look into its databases."""

    def __init__(self, settings: Settings, client: TestClient[Litestar], broker: ApiBroker) -> None:
        self.settings = settings
        self.client = client
        self.broker = broker

    def traveller(self) -> Traveller:
        return Traveller(self.client)

    def rows(self, url: str, statement: str) -> list[dict[str, Any]]:
        return asyncio.run(_rows(url, statement))

    def everywhere(self, statement: str) -> list[dict[str, Any]]:
        """What a statement gives on all shards together."""
        return [row for url in self.settings.shards for row in self.rows(url, statement)]


@contextmanager
def running_api(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Iterator[RunningApi]:
    """Run the application with a broker in memory.

    Tokens are checked by the machine's clock: those given by a clock that stands still hold for a day.
    """
    broker = ApiBroker()
    lifetime = TOKEN_LIFETIME if clock is utc_now else timedelta(days=1)

    async def connect(_: str, __: str) -> ApiBroker:
        return broker

    app = create_app(settings, clock, connect)
    with patch.object(tokens, "TOKEN_LIFETIME", lifetime), TestClient(app) as client:
        yield RunningApi(settings, client, broker)


def settings_over(servers: Servers, folder: Path, **changes: str) -> Settings:
    """Settings with a new key and migrated databases."""
    accounts_url, *shard_urls = asyncio.run(_migrated(servers.postgres))
    return settings_for(accounts_url, shard_urls, folder, **{"redis_url": servers.redis.url} | changes)


def settings_for(accounts_url: str, shard_urls: list[str], folder: Path, **changes: str) -> Settings:
    """Settings with a new key and no limits on rates; Redis is away unless it is given."""
    ensure_key(folder / "token_keys", datetime.now(UTC))
    settings = {
        "accounts_url": accounts_url,
        "shard_urls": ",".join(shard_urls),
        "jwt_keys": folder / "token_keys",
        "redis_url": "redis://:hunter2@127.0.0.1:1",
        "rabbitmq_url": "amqp://farelark:hunter2@127.0.0.1:1/",
        **dict.fromkeys(LimitSettings.model_fields, 1_000_000),
    }
    return Settings.model_validate(settings | changes)


def wish(**changes: object) -> dict[str, object]:
    """The body of an alert that makes sense, with some of it changed."""
    today = datetime.now(UTC).date()
    good: dict[str, object] = {
        "origin": "NYC",
        "destination": "LON",
        "departure_from": day(today, 30),
        "departure_to": day(today, 40),
        "rule": {"kind": "target", "price": {"amount": 12_000, "currency": "EUR"}},
    }
    return good | changes


def plain(alert: dict[str, Any]) -> dict[str, Any]:
    """The reply to a write as a later reading gives it."""
    return {name: value for name, value in alert.items() if name not in {"best_fare", "best_fare_known", "suggestion"}}


def day(today: date, ahead: int) -> str:
    return (today + timedelta(days=ahead)).isoformat()


async def _migrated(postgres: Postgres) -> list[str]:
    urls = await create_databases(postgres, 1 + SHARDS)
    await migrate(urls[0], urls[1:], lambda _: None, today=datetime.now(UTC).date(), rates=RATES)
    return urls


async def _rows(url: str, statement: str) -> list[dict[str, Any]]:
    engine = open_engine(url, application="tests", pool_size=1)
    try:
        async with engine.begin() as connection:
            return [dict(row) for row in (await connection.execute(text(statement))).mappings()]
    finally:
        await engine.dispose()
