"""`./farelark migrate` and `partitions` where nothing but the databases is known, as in a container of their own."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from fleet.commands import app
from fleet.servers.ports import LOOPBACK, free_ports
from shared.databases import open_engine
from tests.integration.fresh_databases import create_databases
from tests.private_servers import Servers

ELSEWHERE = ("RABBITMQ_URL", "RABBITMQ_MANAGEMENT_URL", "REDIS_URL", "OPS_TARGETS")


@pytest.fixture
def databases(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Accounts and two shards, empty, in the environment; nothing else of a fleet is there."""
    urls = asyncio.run(create_databases(servers.postgres, 3))
    for name in ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ACCOUNTS_URL", urls[0])
    monkeypatch.setenv("SHARD_URLS", ",".join(urls[1:]))
    return urls


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(folder)])


async def rows(url: str, table: str) -> int:
    engine = open_engine(url, application="tests", pool_size=1)
    try:
        async with engine.connect() as connection:
            return (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()  # noqa: S608  # ours
    finally:
        await engine.dispose()


def test_databases_are_migrated_and_a_second_time_does_no_harm(tmp_path: Path, databases: list[str]) -> None:
    for _ in range(2):
        result = run(tmp_path, "migrate", "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout) == {"migrated": ["accounts", "shard0", "shard1"]}
    assert asyncio.run(rows(databases[0], "users")) == 0
    assert [asyncio.run(rows(url, "shard_state")) for url in databases[1:]] == [1, 1]


def test_the_daily_upkeep_needs_no_more(tmp_path: Path, databases: list[str]) -> None:
    assert databases
    run(tmp_path, "migrate")
    result = run(tmp_path, "partitions", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["detached"] == []


def test_a_database_that_is_away_is_named_without_its_password(
    tmp_path: Path, databases: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("SHARD_URLS", f"{databases[1]},postgresql://farelark:a-password@{LOOPBACK}:{port}/shard1")
    result = run(tmp_path, "migrate")
    assert result.exit_code == 1
    assert "shard1 is unavailable" in result.output
    assert "a-password" not in result.output


@pytest.mark.parametrize(("name", "value"), [("ACCOUNTS_URL", None), ("SHARD_URLS", None), ("SHARD_URLS", " ,")])
def test_an_address_that_is_missing_is_named(
    tmp_path: Path, databases: list[str], monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    assert databases
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    result = run(tmp_path, "migrate")
    assert result.exit_code == 1
    assert name in result.output
