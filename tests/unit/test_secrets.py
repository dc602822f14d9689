"""The secrets that a fleet in containers begins with."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from fleet.commands import app
from fleet.keys import list_keys, rotate
from fleet.secrets.contents import Passwords, files
from fleet.secrets.folder import make_secrets
from fleet.topology.definitions import password_hash
from shared.broker_users import users
from shared.errors import ConfigurationError
from shared.token_keys import State

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SERVICES = (
    "ingest_gateway",
    "price_worker",
    "alert_worker",
    "history_worker",
    "notifier",
    "alerts_api",
    "operations",
)


@pytest.fixture
def passwords() -> Passwords:
    numbers = count()
    return Passwords.invent(lambda: f"password{next(numbers)}")


@pytest.fixture
def contents(passwords: Passwords) -> dict[str, str]:
    return files(passwords)


def everything_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def passwords_in(folder: Path) -> list[str]:
    """Of those that servers ask for, and have in a file of their own."""
    return [path.read_text() for path in folder.glob("*/*password")]


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_comes_to_the_broker_as_itself(
    contents: Mapping[str, str], passwords: Passwords, service: str
) -> None:
    url = urlsplit(contents[f"{service}/rabbitmq_url"])
    assert (url.username, url.password, url.hostname) == (service, passwords.rabbitmq[service], "rabbitmq")


def test_the_topology_is_applied_with_the_rights_of_operations(
    contents: Mapping[str, str], passwords: Passwords
) -> None:
    url = urlsplit(contents["topology/rabbitmq_management_url"])
    assert (url.username, url.password) == ("operations", passwords.rabbitmq["operations"])


def test_the_broker_knows_everybody_s_password_by_its_hash_alone(
    contents: Mapping[str, str], passwords: Passwords
) -> None:
    admitted = {
        user["name"]: user["password_hash"] for user in json.loads(contents["rabbitmq/definitions.json"])["users"]
    }
    assert admitted.keys() == {user.name for user in users()}
    for name, hashed in admitted.items():
        salt = base64.b64decode(hashed)[:4]
        assert hashed == password_hash(passwords.rabbitmq[name], salt)
        assert passwords.rabbitmq[name] not in contents["rabbitmq/definitions.json"]


def test_kubernetes_gets_each_user_of_the_broker_in_two_halves(
    contents: Mapping[str, str], passwords: Passwords
) -> None:
    for user, password in passwords.rabbitmq.items():
        halves = contents[f"rabbitmq_users/{user}/username"], contents[f"rabbitmq_users/{user}/password"]
        assert halves == (user, password)
    assert (contents["keda/username"], contents["keda/password"]) == ("keda", passwords.rabbitmq["keda"])


def test_nobody_learns_more_than_it_needs(contents: Mapping[str, str], passwords: Passwords) -> None:
    def knowing(secret: str) -> set[str]:
        return {path.split("/")[0] for path, text in contents.items() if secret in text}

    assert knowing(passwords.postgres) == {*SERVICES, "migrations", "postgres"} - {"price_worker"}
    assert knowing(passwords.redis) == {*SERVICES, "redis"} - {"history_worker"}
    assert knowing(passwords.ops_token) == {"operations", "prometheus"}
    assert knowing(passwords.rabbitmq["notifier"]) == {"notifier", "rabbitmq_users"}


def test_passwords_are_invented_anew_each_time(tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        make_secrets(tmp_path / name, NOW)
        made += passwords_in(tmp_path / name)
    assert made
    assert len(set(made)) == len(made)
    assert all(len(password) >= 32 for password in made)


def test_only_its_owner_enters_the_folder_and_whoever_is_in_may_read(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "secrets"
    make_secrets(folder, NOW)
    assert folder.stat().st_mode & 0o777 == 0o700
    inside = list(folder.rglob("*"))
    assert {path.stat().st_mode & 0o777 for path in inside if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in inside if path.is_file()} == {0o644}


def test_a_key_that_comes_later_is_as_readable_as_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets(folder, NOW)
    keys = folder / "alerts_api" / "jwt_keys"
    rotate(keys, NOW, timedelta(minutes=10))
    assert list(list_keys(keys, NOW).values()) == [State.SIGNING, State.COMING]
    assert [path.stat().st_mode & 0o777 for path in keys.iterdir()] == [0o644, 0o644]


def test_secrets_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets(folder, NOW)
    before = everything_in(folder)
    with pytest.raises(ConfigurationError, match="is there already and stays as it is"):
        make_secrets(folder, NOW)
    assert everything_in(folder) == before
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_cannot_be_made_is_said_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="secrets cannot be made: File exists"):
        make_secrets(tmp_path / "file" / "secrets", NOW)


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_the_command_names_the_parts_and_shows_no_secret(tmp_path: Path, option: list[str]) -> None:
    folder = tmp_path / "secrets"
    result = CliRunner().invoke(app, ["secrets", str(folder), *option])
    assert result.exit_code == 0, result.output
    parts = sorted(path.name for path in folder.iterdir())
    assert all(part in result.stdout for part in parts)
    if option:
        assert json.loads(result.stdout) == {"folder": str(folder), "parts": parts}
    passwords = passwords_in(folder)
    assert passwords
    assert not any(password in result.output for password in passwords)
