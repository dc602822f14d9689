"""The folder of keys that sign the travellers' access tokens: made, rotated, cleaned."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.errors import ConfigurationError
from shared.token_keys import KeyFile, State, states, thumbprint


class NoKeysError(ConfigurationError):
    """There is no such folder, or none of its files is named as a key's."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"no keys are in {folder}: make one with `./farelark keys rotate`, or name another --folder")


def folder_in(data: Path) -> Path:
    """Where the fleet of a data folder has its keys."""
    return data / "token_keys"


def ensure_key(folder: Path, now: datetime) -> None:
    """Make a first key, unless the folder has one."""
    if not _files(folder):
        rotate(folder, now, timedelta(0))


def list_keys(folder: Path, now: datetime) -> dict[KeyFile, State]:
    """What each key is for, the oldest first.

    Raises:
        NoKeysError: there is none.
    """
    if not (files := _files(folder)):
        raise NoKeysError(folder)
    return states(files, now)


def rotate(folder: Path, now: datetime, after: timedelta) -> KeyFile:
    """Make a key that signs after this time; a folder's first key signs at once.

    Whoever may enter the folder may read the key. A new folder is its owner's alone.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    signs_from = now + after if _files(folder) else now
    key = Ed25519PrivateKey.generate()
    file = KeyFile(signs_from.replace(microsecond=0), thumbprint(key.public_key()))
    with _writing(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(folder / file.name, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


def remove_spent(folder: Path, now: datetime) -> list[KeyFile]:
    """Remove the keys that verify nothing any more.

    Raises:
        NoKeysError: the folder has no keys at all.
        ConfigurationError: it cannot be written.
    """
    spent = [file for file, state in list_keys(folder, now).items() if state is State.SPENT]
    with _writing(folder):
        for file in spent:
            (folder / file.name).unlink(missing_ok=True)
    return spent


def _files(folder: Path) -> list[KeyFile]:
    return [file for path in folder.glob("*") if (file := KeyFile.named(path.name))]


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    """Write aside and rename: a crash midway leaves no half key behind.

    The file is as readable as its folder: a server in a container reads it as another user.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), path.parent.stat().st_mode & 0o644)
        file.write(content)
    draft.replace(path)
