"""Where a running fleet is: written by `up` and `demo`, read by everything that talks to it."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from shared.errors import ConfigurationError

REPOSITORY = Path(__file__).parents[1]
DEFAULT_DATA = REPOSITORY / ".farelark"
_FILE = "fleet.json"


@dataclass(frozen=True, slots=True)
class Service:
    """One running process of a service; `ops` is the root of its health and metrics."""

    name: str
    pid: int
    ops: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Everything needed to talk to a fleet. The file holds passwords, so only its owner can read it.

    `amqp_tick_interval` is how old, in seconds, the broker's numbers of messages may be.
    """

    pid: int
    api: str
    amqp: str
    amqp_management: str
    amqp_tick_interval: float
    redis: str
    accounts: str
    shards: list[str]
    push_log: str
    services: list[Service]

    def write(self, folder: Path) -> None:
        """Write `fleet.json` so that a reader sees the old or the new one, never half of it."""
        draft = folder / f"{_FILE}.draft"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self)))
        draft.replace(folder / _FILE)


def read(folder: Path) -> Addresses:
    """The addresses of the fleet that runs in this data folder.

    Raises:
        ConfigurationError: none does; says how to start one.
    """
    try:
        return msgspec.json.decode((folder / _FILE).read_bytes(), type=Addresses)
    except FileNotFoundError:
        raise ConfigurationError(
            f"no fleet runs in {folder}: start one with `./farelark up`, or name its folder with --data"
        ) from None


def forget(folder: Path) -> None:
    """Remove `fleet.json`: the fleet has stopped."""
    (folder / _FILE).unlink(missing_ok=True)
