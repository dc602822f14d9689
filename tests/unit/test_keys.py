"""The folder of token keys, while a server reads it and others write it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from structlog.testing import capture_logs

from fleet.keys import ensure_key, list_keys, remove_spent, rotate
from services.alerts_api.accounts.keys import TokenKeys
from shared.errors import ConfigurationError
from shared.token_keys import LOOK_EVERY, KeyFile, State

AT_ONCE = timedelta(0)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def first(tmp_path: Path, clock: Clock) -> KeyFile:
    """The first key of the folder."""
    return rotate(tmp_path, clock.now, AT_ONCE)


@pytest.fixture
def keys(tmp_path: Path, clock: Clock, first: KeyFile) -> TokenKeys:
    assert first
    return TokenKeys(tmp_path, clock)


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs() as entries:
        yield entries


def errors(logs: list[Any]) -> list[Any]:
    return [entry for entry in logs if entry["log_level"] == "error"]


def test_a_first_key_is_made_once_for_its_owner_alone(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "keys"
    ensure_key(folder, clock.now)
    (path,) = folder.iterdir()
    content = path.read_bytes()
    ensure_key(folder, clock.now + MINUTE)
    assert [path] == list(folder.iterdir())
    assert path.read_bytes() == content
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_folder_s_first_key_signs_at_once_whenever_it_was_asked_for(tmp_path: Path, clock: Clock) -> None:
    first = rotate(tmp_path, clock.now, 10 * MINUTE)
    second = rotate(tmp_path, clock.now, 10 * MINUTE)
    assert (first.signs_from, second.signs_from) == (clock.now, clock.now + 10 * MINUTE)


def test_only_spent_keys_are_removed(tmp_path: Path, clock: Clock, first: KeyFile) -> None:
    second = rotate(tmp_path, clock.now, MINUTE)
    assert remove_spent(tmp_path, clock.now + 10 * MINUTE) == []
    assert remove_spent(tmp_path, clock.now + 17 * MINUTE) == [first]
    assert list_keys(tmp_path, clock.now) == {second: State.SIGNING}
    assert [path.name for path in tmp_path.iterdir()] == [second.name]


def test_a_new_key_is_known_before_its_time_and_signs_when_it_comes(
    tmp_path: Path, clock: Clock, keys: TokenKeys, first: KeyFile
) -> None:
    second = rotate(tmp_path, clock.now, MINUTE)
    clock.advance(LOOK_EVERY)
    assert keys.signing.id == first.key_id
    assert set(keys.verifying) == {first.key_id, second.key_id}
    clock.advance(MINUTE)
    assert keys.signing.id == second.key_id
    clock.advance(16 * MINUTE)
    assert set(keys.verifying) == {second.key_id}


def test_the_folder_is_looked_at_every_ten_seconds_at_most(tmp_path: Path, clock: Clock, keys: TokenKeys) -> None:
    second = rotate(tmp_path, clock.now, AT_ONCE)
    clock.advance(LOOK_EVERY - SECOND)
    assert second.key_id not in keys.verifying
    clock.advance(SECOND)
    assert second.key_id in keys.verifying


def test_a_clock_that_is_set_back_does_not_keep_a_server_from_looking(
    tmp_path: Path, clock: Clock, keys: TokenKeys
) -> None:
    second = rotate(tmp_path, clock.now, AT_ONCE)
    clock.advance(-MINUTE)
    assert second.key_id in keys.verifying


def test_a_key_whose_file_is_gone_verifies_nothing(
    tmp_path: Path, clock: Clock, keys: TokenKeys, first: KeyFile
) -> None:
    second = rotate(tmp_path, clock.now, AT_ONCE)
    (tmp_path / first.name).unlink()
    clock.advance(LOOK_EVERY)
    assert set(keys.verifying) == {second.key_id}
    assert keys.signing.id == second.key_id


def pem(
    key: Ed25519PrivateKey | EllipticCurvePrivateKey, encryption: KeySerializationEncryption | None = None
) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def misnamed() -> tuple[str, bytes]:
    return "access_tokens.pem", pem(Ed25519PrivateKey.generate())


def named_as_a_key(content: Callable[[], bytes]) -> Callable[[], tuple[str, bytes]]:
    return lambda: (KeyFile(datetime(2026, 11, 22, 12, tzinfo=UTC), "x" * 43).name, content())


UNUSABLE = {
    "empty": named_as_a_key(bytes),
    "no PEM": named_as_a_key(lambda: b"canary"),
    "of another kind": named_as_a_key(lambda: pem(generate_private_key(SECP256R1()))),
    "encrypted": named_as_a_key(lambda: pem(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"canary"))),
    "another key than it is called": named_as_a_key(lambda: pem(Ed25519PrivateKey.generate())),
    "misnamed": misnamed,
}


@pytest.mark.parametrize("fault", UNUSABLE)
def test_a_file_that_cannot_be_used_is_said_once_and_the_other_keys_go_on(
    tmp_path: Path, clock: Clock, keys: TokenKeys, first: KeyFile, logs: list[Any], fault: str
) -> None:
    name, content = UNUSABLE[fault]()
    (tmp_path / name).write_bytes(content)
    for _ in range(3):
        clock.advance(LOOK_EVERY)
        assert set(keys.verifying) == {first.key_id}
    (said,) = errors(logs)
    assert list(said["files"]) == [name]
    assert "canary" not in str(said)


@pytest.mark.parametrize("fault", UNUSABLE)
def test_without_a_usable_key_a_server_says_why_and_how_to_make_one(tmp_path: Path, clock: Clock, fault: str) -> None:
    name, content = UNUSABLE[fault]()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"JWT_KEYS: .*farelark keys rotate --folder") as refusal:
        TokenKeys(tmp_path, clock)
    assert name in str(refusal.value)
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("folder", ["empty", "nowhere"])
def test_a_server_does_not_start_without_any_key(tmp_path: Path, clock: Clock, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match=f"{folder} holds no usable key; make one"):
        TokenKeys(tmp_path / folder, clock)


def test_a_file_that_was_read_need_not_be_readable_any_more(
    tmp_path: Path, clock: Clock, keys: TokenKeys, first: KeyFile, logs: list[Any]
) -> None:
    (tmp_path / first.name).write_bytes(b"")
    clock.advance(LOOK_EVERY)
    assert keys.signing.id == first.key_id
    assert errors(logs) == []


def test_a_folder_that_has_vanished_leaves_the_keys_that_were_known(
    tmp_path: Path, clock: Clock, keys: TokenKeys, first: KeyFile, logs: list[Any]
) -> None:
    (tmp_path / first.name).unlink()
    tmp_path.rmdir()
    clock.advance(LOOK_EVERY)
    assert keys.signing.id == first.key_id
    assert [entry["event"] for entry in errors(logs)] == ["token_keys_unusable"]
    second = rotate(tmp_path, clock.now, AT_ONCE)
    clock.advance(LOOK_EVERY)
    assert set(keys.verifying) == {second.key_id}
