"""Publishes the fares of files as if they were observed now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fleet.addresses import Addresses
from fleet.chain import open_chain
from fleet.publishing import fare_publisher
from fleet.replaying import History, batches, stamp

DRAIN_TIMEOUT_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How to publish: whether fares are stamped anew, and whether the chain drains between days."""

    restamp: bool
    by_day: bool


async def replay_history(
    history: History, addresses: Addresses, pace: Pace, advanced: Callable[[int, str], None]
) -> int:
    """Publish a history in order of observation.

    Args:
        history: the fares.
        addresses: the fleet that gets them.
        pace: how.
        advanced: is told after each batch how many fares it had, and their day.

    Returns:
        How many fares the broker has confirmed.

    Raises:
        UnavailableError: the broker did not confirm a batch.
        NotDrainedError: the chain did not drain between days.
    """
    async with open_chain(addresses) as chain, fare_publisher(addresses) as publisher:
        for batch in batches(history, by_day=pace.by_day):
            fares = stamp(batch, datetime.now(UTC)).fares if pace.restamp else batch.fares
            await publisher.publish(fares, cycle=f"replay-{batch.day}")
            advanced(fares.num_rows, str(batch.day))
            if pace.by_day and batch.last_of_day:
                await publisher.flush()
                await chain.drain(DRAIN_TIMEOUT_S)
        await publisher.flush()
        return publisher.confirmed
