"""The command that a schedule runs once a day."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from fleet import addresses
from fleet.addresses import DEFAULT_DATA
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import reporting, sayer, stoppable
from fleet.partition_upkeep import Upkeep, keep_partitions


def partitions(
    keep_days: Annotated[int, typer.Option(min=7, help="Days of notifications that stay in their table.")] = 90,
    drop: Annotated[bool, typer.Option("--drop", help="Also drop the days that are a month older than that.")] = False,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Make the partitions of coming days and months, and take old days of notifications out of their table.

    It is for a daily schedule, and may run twice or at once. A day that was taken out is a table of its own, to be
    archived; the erasure of accounts does not reach it any more, so let --drop remove it within a month.
    """
    with reporting(), stoppable():
        target = addresses.read(data)
        today = datetime.now(UTC).date()
        done = asyncio.run(keep_partitions(target.accounts, target.shards, today, timedelta(days=keep_days), drop=drop))
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
    yield f"dropped: {_listed(done.dropped)}"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "nothing"
