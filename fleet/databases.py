"""The databases, for what needs nothing else of a fleet: where they are, and a connection for a command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from fleet import addresses
from shared.databases import CONNECT_TIMEOUT_S, reaching
from shared.errors import ConfigurationError
from shared.settings import AccountsSettings, ShardSettings, load


@dataclass(frozen=True, slots=True)
class Databases:
    """Addresses with passwords; `shards` in order."""

    accounts: str
    shards: list[str]


class DatabaseSettings(AccountsSettings, ShardSettings):
    """The databases in the environment."""


def databases_of(folder: Path) -> Databases:
    """The databases of the fleet that runs in this data folder, or else those in the environment.

    Raises:
        ConfigurationError: there are neither; says what to do.
    """
    try:
        fleet = addresses.read(folder)
    except ConfigurationError:
        return _in_environment(folder)
    return Databases(fleet.accounts, fleet.shards)


@asynccontextmanager
async def connected_to_accounts(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the accounts database while the block runs.

    Raises:
        UnavailableError: it cannot be reached, or was lost in the block.
    """
    async with reaching("accounts"):
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
        try:
            yield connection
        finally:
            await connection.close()


def _in_environment(folder: Path) -> Databases:
    try:
        settings = load(DatabaseSettings)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"no fleet runs in {folder}: name its folder with --data; for databases of your own, {error}"
        ) from None
    if not settings.shards:
        raise ConfigurationError("SHARD_URLS must name at least one shard")
    return Databases(settings.accounts_url, settings.shards)
