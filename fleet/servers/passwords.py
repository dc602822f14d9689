"""Passwords of the private servers: random, made once, readable by their owner only."""

import os
import secrets
from pathlib import Path


def kept_password(path: Path) -> str:
    """Return the password in `path`, making it at the first call."""
    if not path.exists():
        write_private(path, secrets.token_hex(24))
    return path.read_text()


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 in one step: a crash leaves the old file or the new one."""
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
