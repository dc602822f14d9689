"""The command that brings databases to the newest schema."""

import asyncio
import json
from datetime import UTC, datetime

from rich.console import Console

from fleet.addresses import DEFAULT_DATA
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import reporting, sayer, stoppable
from fleet.databases import databases_of
from fleet.migrations import migrate as migrate_all
from shared.money import Rates
from shared.settings import RatesSettings, load


def migrate(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Bring accounts and every shard to the newest schema, and make the partitions of the coming days and months.

    The databases are those of a running fleet, or those that ACCOUNTS_URL and SHARD_URLS name: straight to the
    servers, not to a PgBouncer. It may run again, and twice at once.
    """
    with reporting(), stoppable():
        databases, rates = databases_of(data), load(RatesSettings)
        asyncio.run(
            migrate_all(
                databases.accounts,
                databases.shards,
                sayer(Console(stderr=True)),
                today=datetime.now(UTC).date(),
                rates=Rates.load(rates.rates_file, rates.reference_currency),
            )
        )
    if as_json:
        print(json.dumps({"migrated": ["accounts", *(f"shard{number}" for number in range(len(databases.shards)))]}))
