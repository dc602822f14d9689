"""The work on a message that is parted by shard: one that is away holds up its own part alone."""

import asyncio
from collections.abc import Awaitable, Mapping

from shared.errors import MapMovedError, UnavailableError
from shared.shards import Shards


async def work_on_parts(works: Mapping[int, Awaitable[None]]) -> dict[int, str]:
    """Do side by side what is to be done with each shard's part of a message.

    Returns:
        Why the parts of shards that are down or have moved are to be parked.

    Raises:
        BaseException: any other failure of a part: it is the whole message's, once the other parts have ended.
    """
    outcomes = await asyncio.gather(*works.values(), return_exceptions=True)
    reasons = {shard: _reason_to_park(shard, outcome) for shard, outcome in zip(works, outcomes, strict=True)}
    return {shard: reason for shard, reason in reasons.items() if reason}


def _reason_to_park(shard: int, outcome: BaseException | None) -> str | None:
    if isinstance(outcome, UnavailableError) and outcome.server == Shards.name(shard):
        return "shard_unavailable"
    if isinstance(outcome, MapMovedError):
        return "map_moved"
    if outcome is not None:
        raise outcome
    return None
