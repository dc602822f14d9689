"""`./farelark keys` as a person or a script sees it."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from fleet.commands import app
from fleet.keys import folder_in, list_keys, rotate

AT_ONCE = timedelta(0)


def now() -> datetime:
    return datetime.now(UTC)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["keys", *map(str, arguments)])


def run_json(*arguments: str | Path) -> Any:  # noqa: ANN401  # JSON, of every shape
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_key_signs_ten_minutes_after_its_rotation_unless_told_otherwise(tmp_path: Path) -> None:
    first = run_json("rotate", "--folder", tmp_path)
    for arguments, minutes in (([], 10), (["--in", "30"], 30), (["--in", "0"], 0)):
        before = now().replace(microsecond=0)
        made = run_json("rotate", *arguments, "--folder", tmp_path)
        after = timedelta(minutes=minutes)
        assert before + after <= datetime.fromisoformat(made["signs_from"]) <= now() + after
    assert datetime.fromisoformat(first["signs_from"]) <= now()
    assert len(list_keys(tmp_path, now())) == 4


def test_the_keys_are_listed_with_what_they_are_for(tmp_path: Path) -> None:
    files = [rotate(tmp_path, now() - timedelta(minutes=minutes), AT_ONCE) for minutes in (60, 20, 5)]
    files.append(rotate(tmp_path, now(), timedelta(minutes=10)))
    listed = run_json("list", "--folder", tmp_path)["keys"]
    assert [key["key_id"] for key in listed] == [file.key_id for file in files]
    assert [key["signs_from"] for key in listed] == [file.signs_from.isoformat() for file in files]
    assert [key["state"] for key in listed] == ["spent", "verifying", "signing", "coming"]
    table = run("list", "--folder", tmp_path).stdout
    assert re.search(r"spent.*verifying.*signing.*coming", table, re.DOTALL)


def test_cleaning_removes_only_what_is_spent(tmp_path: Path) -> None:
    spent, *needed = [rotate(tmp_path, now() - timedelta(minutes=minutes), AT_ONCE) for minutes in (60, 20, 5)]
    assert run_json("clean", "--folder", tmp_path) == {"removed": [spent.key_id]}
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name for file in needed]
    assert "every key is still needed" in run("clean", "--folder", tmp_path).stdout


def test_without_a_folder_the_keys_are_those_of_the_local_fleet(tmp_path: Path) -> None:
    made = run_json("rotate", "--data", tmp_path)
    assert [file.key_id for file in list_keys(folder_in(tmp_path), now())] == [made["key_id"]]
    assert [key["key_id"] for key in run_json("list", "--data", tmp_path)["keys"]] == [made["key_id"]]


@pytest.mark.parametrize("command", ["list", "clean"])
def test_where_no_keys_are_the_command_says_how_to_make_one(tmp_path: Path, command: str) -> None:
    refused = run(command, "--folder", tmp_path / "nowhere")
    assert refused.exit_code == 1
    assert "`./farelark keys rotate`" in refused.output
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_cannot_be_written_ends_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = run("rotate", "--folder", tmp_path / "file")
    assert refused.exit_code == 1
    assert "file cannot be written: " in refused.output


@pytest.mark.parametrize("minutes", ["-1", "9999999999", "soon"])
def test_a_time_that_makes_no_sense_is_refused(tmp_path: Path, minutes: str) -> None:
    assert run("rotate", "--in", minutes, "--folder", tmp_path).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_no_part_of_a_key_is_ever_shown(tmp_path: Path) -> None:
    rotate(tmp_path, now() - timedelta(hours=1), AT_ONCE)
    shown = "".join(run(command, "--folder", tmp_path).output for command in ("rotate", "list", "clean", "--help"))
    secrets = [line for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    assert not any(secret in shown for secret in secrets)
