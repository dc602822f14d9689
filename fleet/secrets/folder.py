"""Makes a folder of secrets, whole or not at all.

Nobody but its owner can enter the folder; what lies in it anybody may read. Docker mounts its parts into containers as
they are, with owner and mode, and there the reader is user 10001, or a server's own.
"""

import secrets
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from fleet.keys import ensure_key
from fleet.secrets.contents import Passwords, files
from shared.errors import ConfigurationError

_BYTES: Final = 24
_FOLDER_MODE: Final = 0o755
_FILE_MODE: Final = 0o644


def make_secrets(folder: Path, now: datetime) -> list[str]:
    """Make a folder of new secrets; returns the names of its parts, each of which is one process's.

    Raises:
        ConfigurationError: there is something in the folder already, or it cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as place:
            draft = Path(place) / "draft"
            draft.mkdir(mode=0o700)
            _write(draft, files(Passwords.invent(lambda: secrets.token_hex(_BYTES))))
            ensure_key(draft / "alerts_api" / "jwt_keys", now)
            _open_what_is_inside(draft)
            _move(draft, folder)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be made: {error.strerror}") from error
    return sorted(part.name for part in folder.iterdir())


def _write(draft: Path, contents: Mapping[str, str]) -> None:
    for path, text in contents.items():
        (draft / path).parent.mkdir(parents=True, exist_ok=True)
        (draft / path).write_text(text)


def _open_what_is_inside(folder: Path) -> None:
    for path in folder.rglob("*"):
        path.chmod(_FOLDER_MODE if path.is_dir() else _FILE_MODE)


def _move(draft: Path, folder: Path) -> None:
    """Put the draft in its place, unless there is anything but an empty folder."""
    try:
        draft.rename(folder)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} is there already and stays as it is: name another folder, or remove it together with the "
            "servers' data, which knows the old passwords (docker compose down --volumes)"
        ) from error
