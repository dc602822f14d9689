"""Commands on the shard map."""

import asyncio
import json
import re
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from fleet import addresses
from fleet.addresses import DEFAULT_DATA
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import reporting, sayer, stoppable
from fleet.shards.checking import find_faults
from fleet.shards.hangup import hang_up
from fleet.shards.listing import as_table, summarize
from fleet.shards.moving import move_bucket
from fleet.shards.settings import MoveSettings
from shared.airports import is_city
from shared.failpoints import Failpoints
from shared.settings import load
from shared.shard_map import BUCKETS, bucket_of

shards = typer.Typer(no_args_is_help=True, help="Look at the shard map, check it, move buckets.")


@shards.command(name="list")
def list_shards(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show what each shard holds: buckets, alerts, size, the map's version and the date of its rates."""
    with reporting():
        summaries = asyncio.run(summarize(addresses.read(data).shards))
    if as_json:
        print(json.dumps({"shards": [asdict(summary) for summary in summaries]}, default=str))
    else:
        Console().print(as_table(summaries))


@shards.command(name="check")
def check_shards(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Check that alerts and history are on their shard, once, and that all shards go by one map.

    Exit status 1 if not.
    """
    with reporting():
        faults = asyncio.run(find_faults(addresses.read(data).shards))
    if as_json:
        print(json.dumps({"faults": faults}))
    else:
        for sentence in faults or ["all is well"]:
            sayer(Console())(sentence)
    if faults:
        raise typer.Exit(1)


@shards.command()
def move(
    bucket: Annotated[str, typer.Argument(metavar="BUCKET", help="Its number, or a route in it such as NYC-LON.")],
    shard: Annotated[int, typer.Argument(metavar="SHARD", help="The number of the shard that shall hold it.")],
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Move a bucket's alerts and price history to another shard while alerts go on firing.

    The same command finishes a move that was cut short, or begins it again.
    """
    number = _bucket(bucket)
    with reporting(), stoppable():
        failpoints = Failpoints(load(MoveSettings).failpoints)
        urls = addresses.read(data).shards
        moved = asyncio.run(move_bucket(urls, number, shard, sayer(Console(stderr=True)), failpoints))
        hang_up(addresses.read(data).services)
    if as_json:
        print(json.dumps(moved.as_json()))
    else:
        sayer(Console())(
            f"bucket {number} is on shard{shard}: {moved.alerts:,} alerts came from shard{moved.source} in "
            f"{moved.seconds:.1f} s, of which its alerts were blocked for {moved.blocked_seconds:.2f} s; "
            f"{moved.history_rows:,} rows of price history came along"
        )


def _bucket(text: str) -> int:
    if text.isdecimal() and int(text) < BUCKETS:
        return int(text)
    if (route := re.fullmatch(r"([A-Z]{3})-([A-Z]{3})", text)) and all(map(is_city, route.groups())):
        return bucket_of(text)
    raise typer.BadParameter(
        f"{text!r} is neither a bucket from 0 to {BUCKETS - 1} nor a route of two cities such as NYC-LON"
    )
