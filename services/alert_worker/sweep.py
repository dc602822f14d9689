"""What an alert worker does on every shard without being told."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from shared.periodic import Periodic
from shared.shards import Shards

AT_ONCE: Final = 200  # alerts in one transaction: those that fired together want the same boards

# Does some of the work on one shard, on so many alerts at most; gives on how many.
Sweep = Callable[[int, int], Awaitable[int]]


def on_every_shard(name: str, shards: Shards, sweep: Sweep, every_s: float) -> list[Periodic]:
    """Sweep each shard by itself, in each round until it is clean."""

    async def clean(shard: int) -> None:
        while await sweep(shard, AT_ONCE) == AT_ONCE:
            pass

    return [Periodic(name, every_s, partial(clean, shard)) for shard in shards.numbers]
