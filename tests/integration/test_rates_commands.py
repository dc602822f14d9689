"""`./farelark rates` as a person or a script sees it."""

import json
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner, Result

from fleet.addresses import Addresses
from fleet.commands import app
from tests.development_rates import RATES
from tests.private_servers import Servers

XML = (
    '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/'
    "2002-08-01/eurofxref\"><Cube><Cube time='2026-11-23'><Cube currency='USD' rate='1.25'/></Cube></Cube>"
    "</gesmes:Envelope>"
)


@pytest.fixture
def data(
    servers: Servers, shard_urls: list[str], shard_engines: list[AsyncEngine], redis: Redis, tmp_path: Path
) -> Path:
    """The data folder of a fleet without processes, at its first rates."""
    assert shard_engines
    assert redis
    accounts = servers.postgres.url("accounts")
    Addresses(0, "", "", "", 1, servers.redis.url, accounts, shard_urls, "", []).write(tmp_path)
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["rates", *map(str, arguments)])


def test_rates_are_loaded_and_shown_as_objects(data: Path) -> None:
    file = data / "eurofxref-daily.xml"
    file.write_text(XML)

    before = json.loads(run("show", "--data", data, "--json").stdout)
    loaded = json.loads(run("load", file, "--data", data, "--json").stdout)
    after = json.loads(run("show", "--data", data, "--json").stdout)

    assert (before["date"], before["price_workers"], before["rates"]["USD"]) == ("2026-11-20", None, 1.16)
    kept = sorted(RATES.factors.keys() - {"EUR", "USD"})
    assert loaded == {"date": "2026-11-23", "reference": "EUR", "alerts": 0, "kept": kept}
    assert (after["date"], after["price_workers"]) == ("2026-11-23", "2026-11-23")
    assert (after["rates"]["USD"], after["rates"]["JPY"]) == (1.25, 174.5)
    assert {shard["shard"]: shard["date"] for shard in after["shards"]} == dict.fromkeys(
        ("shard0", "shard1", "shard2", "shard3"), "2026-11-23"
    )


def test_rates_are_shown_to_a_person(data: Path) -> None:
    shown = run("show", "--data", data).stdout
    assert "shard3" in shown
    assert "their file" in shown
    assert "174.5" in shown


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("Date,USD\n2026-11-19,1.16\n", "of 2026-11-19, older than those of 2026-11-20 that the fleet has"),
        ("Date,USD\n2026-11-20,1.17\n", "other rates of 2026-11-20 for USD"),
        ("once upon a time", "headings and under them 0 values"),
    ],
)
def test_what_cannot_be_loaded_ends_with_a_sentence_and_status_1(data: Path, content: str, sentence: str) -> None:
    file = data / "rates.csv"
    file.write_text(content)
    refused = run("load", file, "--data", data)
    assert refused.exit_code == 1
    assert sentence in str(refused.output)


def test_without_a_fleet_the_command_says_how_to_start_one(tmp_path: Path) -> None:
    nowhere = run("show", "--data", tmp_path)
    assert nowhere.exit_code == 1
    assert "./farelark up" in nowhere.output
