"""Brings the accounts database and every shard to the newest schema, and makes room for the coming days and months.

Any number of processes may do this at once: an advisory lock lets one at a time into a database, and one that
finds nothing to do does nothing. Within a process it is one at a time, for Alembic's context is global.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from pathlib import Path

import alembic.command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

import shared.schema
from fleet.partitions import make_history_months, make_notification_days
from fleet.schema_changes import changing_schema
from fleet.shards.states import enter_new_shards
from shared.money import Rates

# A migration that waits for a table makes everyone else queue behind it: better to fail soon and run again.
LOCK_TIMEOUT = "5s"

_SCRIPTS = Path(shared.schema.__file__).parent / "migrations"

MakePartitions = Callable[[AsyncConnection, date], Awaitable[object]]


async def migrate(
    accounts_url: str, shard_urls: Sequence[str], say: Callable[[str], None], *, today: date, rates: Rates
) -> None:
    """Migrate accounts, then the first shard as the canary of the others, then those.

    Each database changes in one transaction: it is migrated whole or left as it was.

    Args:
        accounts_url: straight to the server, not to a PgBouncer; so are `shard_urls`.
        shard_urls: in the order of the shard map.
        say: is told, in a sentence, of every database that is done.
        today: in UTC; from here on each day of notifications and each month of the history gets a partition.
        rates: what the first shards of all begin with; a shard that is added later gets those of the others.

    Raises:
        UnavailableError: a server cannot be reached.
        TableLockedError: somebody holds a lock for longer than a change of tables may wait.
        TurnTakenError: a bucket is being moved or rates are being loaded, for longer than that.
        ConfigurationError: the map puts buckets on shards that are not named.
    """
    await _migrate("accounts", accounts_url, "accounts", make_notification_days, today)
    say("accounts is migrated")
    for number, url in enumerate(shard_urls):
        await _migrate(f"shard{number}", url, "shards", make_history_months, today)
        say(f"shard{number} is migrated")
    await enter_new_shards(shard_urls, rates)


async def _migrate(name: str, url: str, history: str, make_partitions: MakePartitions, today: date) -> None:
    async with changing_schema(name, url, LOCK_TIMEOUT) as connection:
        await connection.run_sync(_upgrade, history)
        await make_partitions(connection, today)


def _upgrade(connection: Connection, history: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("version_locations", str(_SCRIPTS / history / "versions"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")
