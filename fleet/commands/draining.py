"""The command that waits until all work is done."""

import asyncio
import json
import sys
import time
from typing import Annotated

import typer

from fleet import addresses
from fleet.addresses import DEFAULT_DATA, Addresses
from fleet.chain import NotDrainedError, open_chain
from fleet.commands.options import Data, Json
from fleet.commands.surroundings import reporting


def drain(
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at most.")] = 60.0,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Return when queues and the gateways' spool are empty and nothing is in hand; exit status 1 if time runs out."""
    started = time.monotonic()
    left = None
    with reporting():
        try:
            asyncio.run(_drain(addresses.read(data), timeout))
        except NotDrainedError as error:
            left = str(error)
    if as_json:
        print(json.dumps({"drained": left is None, "seconds": round(time.monotonic() - started, 3)}))
    if left:
        sys.exit(left)


async def _drain(target: Addresses, seconds: float) -> None:
    async with open_chain(target) as chain:
        await chain.drain(seconds)
