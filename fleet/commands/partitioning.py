"""The command that a schedule runs once a day."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from fleet.addresses import DEFAULT_DATA
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import reporting, sayer, stoppable
from fleet.databases import databases_of
from fleet.partition_upkeep import Kept, Upkeep, keep_partitions


def partitions(
    keep_days: Annotated[int, typer.Option(min=7, help="Days of notifications that stay in their table.")] = 90,
    keep_months: Annotated[
        int, typer.Option(min=1, help="Months of price history that --drop leaves, counted from the departures.")
    ] = 13,
    drop: Annotated[
        bool, typer.Option("--drop", help="Also drop days that are a month older than that, and months of history.")
    ] = False,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Make the partitions of coming days and months, and take old days of notifications out of their table.

    It is for a daily schedule, and may run twice or at once. A day that was taken out is a table of its own, to be
    archived; the erasure of accounts does not reach it any more, so let --drop remove it within a month. The price
    history of a month goes when its departures are over for longer than --keep-months: 13 let last year be compared.
    """
    with reporting(), stoppable():
        databases = databases_of(data)
        today = datetime.now(UTC).date()
        done = asyncio.run(
            keep_partitions(
                databases.accounts, databases.shards, today, Kept(timedelta(days=keep_days), keep_months), drop=drop
            )
        )
    for sentence in _warnings(done):
        sayer(Console(stderr=True))(sentence)
    if as_json:
        print(json.dumps(asdict(done)))
    else:
        for sentence in _report(done):
            sayer(Console())(sentence)


def _warnings(done: Upkeep) -> Iterator[str]:
    if done.moved:
        yield (
            f"warning: {done.moved:,} notifications were in the default partition, as theirs had not been made in "
            "time, and were moved: run this every day"
        )
    if done.in_default:
        yield (
            f"warning: {done.in_default:,} notifications stay in the default partition: of days that were taken out, "
            "or more than two weeks ahead; see fired_on in notifications_default"
        )


def _report(done: Upkeep) -> Iterator[str]:
    for database, made in done.made.items():
        yield f"{database}: {_listed(made)} made"
    yield f"taken out: {_listed(done.detached)}"
    months = [f"{month} of {shard}" for shard, dropped in done.months_dropped.items() for month in dropped]
    yield f"dropped: {_listed([*done.dropped, *months])}"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "nothing"
