"""`./farelark keys producers` as a person or a script sees it."""

import asyncio
import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner, Result

from fleet.addresses import Addresses
from fleet.commands import app
from fleet.producer_keys import Rights, list_keys, passing_key
from shared.errors import UnavailableError
from shared.fare_lanes import Lane
from shared.producer_keys import ProducerKey
from tests.integration.keyless_accounts import accounts
from tests.private_servers import Servers

__all__ = ["accounts"]

NOBODY = "postgresql://nobody:secret@127.0.0.1:1/nothing"
ACME = ("make", "acme", "--source", "acme-feed")


class CommandLine:
    """The commands on a fleet of which only the accounts database is there."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        Addresses(0, "", "", "", 0, "", url, [], "", []).write(folder)

    def run(self, *arguments: str, answer: str = "") -> Result:
        return CliRunner().invoke(app, ["keys", "producers", *arguments, "--data", str(self.folder)], input=answer)

    def json(self, *arguments: str) -> dict[str, Any]:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def sql(self, statement: str, *arguments: str) -> Any:  # noqa: ANN401  # a row of any shape
        async def run() -> Any:  # noqa: ANN401  # as above
            connection = await asyncpg.connect(self.url)
            try:
                return await connection.fetchrow(statement, *arguments)
            finally:
                await connection.close()

        return asyncio.run(run())

    def listed(self) -> list[dict[str, Any]]:
        keys: list[dict[str, Any]] = self.json("list")["keys"]
        return keys


@pytest.fixture
def command_line(tmp_path: Path, servers: Servers, accounts: AsyncEngine) -> CommandLine:
    assert accounts
    return CommandLine(tmp_path, servers.postgres.url("accounts"))


def test_a_key_is_shown_once_when_it_is_made(command_line: CommandLine) -> None:
    made = command_line.json(*ACME)
    key = ProducerKey.read(made.pop("key"))
    assert key is not None
    assert made.items() >= {"id": key.id, "producer": "acme", "source": "acme-feed", "state": "active"}.items()
    for shown in (command_line.run("list"), command_line.run("list", "--json"), command_line.run("revoke", key.id)):
        assert key.id in shown.output
        assert key.secret not in shown.output


def test_a_script_can_take_the_key_from_the_output(command_line: CommandLine) -> None:
    made = command_line.run(*ACME)
    assert ProducerKey.read(made.stdout.strip())
    assert "keep it now" in made.stderr


def test_the_database_does_not_hold_the_key(command_line: CommandLine) -> None:
    key = ProducerKey.read(command_line.json(*ACME)["key"])
    assert key is not None
    row = command_line.sql("SELECT * FROM producer_keys")
    assert row["hash"] == key.hash
    assert key.secret not in repr(row)


def test_without_more_words_a_key_is_for_the_live_lane_and_never_expires(command_line: CommandLine) -> None:
    made = command_line.json(*ACME)
    assert (made["lanes"], made["fares_per_minute"], made["expires_at"]) == (["live"], 600_000, None)


def test_a_key_may_be_for_both_lanes_for_more_fares_and_for_some_days(command_line: CommandLine) -> None:
    before = datetime.now(UTC)
    made = command_line.json(
        *ACME, "--lane", "sweep", "--lane", "live", "--lane", "live", "--fares-per-minute", "7", "--expires-in", "30"
    )
    assert (made["lanes"], made["fares_per_minute"]) == (["live", "sweep"], 7)
    expires_in = datetime.fromisoformat(made["expires_at"]) - before
    assert timedelta(days=30) <= expires_in < timedelta(days=30, minutes=1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("make", "acme"),
        ("make", " ", "--source", "acme"),
        ("make", "a\nb", "--source", "acme"),
        ("make", "n" * 101, "--source", "acme"),
        ("make", "acme", "--source", ""),
        ("make", "acme", "--source", "s" * 1_000),
        (*ACME, "--lane", "fast"),
        (*ACME, "--fares-per-minute", "0"),
        (*ACME, "--fares-per-minute", "3000000000"),
        (*ACME, "--expires-in", "0"),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_key_is_made(
    command_line: CommandLine, arguments: tuple[str, ...]
) -> None:
    assert command_line.run(*arguments).exit_code == 2
    assert command_line.listed() == []


def test_the_list_says_which_keys_are_good(command_line: CommandLine) -> None:
    active, expired, revoked = (command_line.json(*ACME)["id"] for _ in range(3))
    command_line.sql("UPDATE producer_keys SET expires_at = now() WHERE id != $1", active)
    command_line.json("revoke", revoked, "--yes")
    assert [(key["id"], key["state"]) for key in command_line.listed()] == [
        (active, "active"),
        (expired, "expired"),
        (revoked, "revoked"),
    ]


def test_a_person_sees_names_as_they_are(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    command_line.json("make", "[bold]acme", "--source", "acme-feed", "--expires-in", "3", "--fares-per-minute", "90000")
    table = command_line.run("list").stdout
    for word in ("[bold]acme", "acme-feed", "live", "90,000", "active"):
        assert word in table
    assert "never" not in table


def test_a_revocation_asks_first(command_line: CommandLine) -> None:
    key_id = command_line.json(*ACME)["id"]
    for answer in ("n\n", ""):
        refused = command_line.run("revoke", key_id, answer=answer)
        assert refused.exit_code == 1
        assert "refuse acme with key" in refused.stderr
        assert "in scripts add --yes" in refused.output
    assert command_line.listed()[0]["state"] == "active"
    revoked = command_line.run("revoke", key_id, answer="y\n")
    assert revoked.stdout.endswith(f"key {key_id} of acme is revoked\n")
    assert command_line.listed()[0]["state"] == "revoked"


def test_a_second_revocation_leaves_the_first_one_as_it_is(command_line: CommandLine) -> None:
    key_id = command_line.json(*ACME)["id"]
    first = command_line.json("revoke", key_id, "--yes")
    assert first.pop("changed")
    assert command_line.json("revoke", key_id, "--yes") == first | {"changed": False}
    assert command_line.run("revoke", key_id).stdout.startswith("nothing to do")


@pytest.mark.parametrize("error", [None, UnavailableError("ingest_gateway")])
def test_a_passing_key_is_good_for_as_long_as_it_is_used(
    command_line: CommandLine, error: UnavailableError | None
) -> None:
    async def use() -> None:
        async with passing_key(command_line.url, Rights("demo", "demo", (Lane.LIVE,), 1, None)):
            (used,) = await list_keys(command_line.url)
            assert used.revoked_at is None
            if error:
                raise error

    with pytest.raises(UnavailableError, match="gateway") if error else nullcontext():
        asyncio.run(use())
    assert [key["state"] for key in command_line.listed()] == ["revoked"]


@pytest.mark.parametrize("yes", [(), ("--yes",)])
def test_a_key_that_is_not_there_cannot_be_revoked(command_line: CommandLine, yes: tuple[str, ...]) -> None:
    refused = command_line.run("revoke", "abcdefghij27", *yes)
    assert refused.exit_code == 1
    assert refused.output == "farelark: there is no key abcdefghij27: see `./farelark keys producers list`\n"


def test_a_database_that_is_away_is_said_in_a_sentence_without_its_password(tmp_path: Path) -> None:
    result = CommandLine(tmp_path, NOBODY).run("list")
    assert result.exit_code == 1
    assert result.output.startswith("farelark: accounts is unavailable")
    assert "secret" not in result.output
