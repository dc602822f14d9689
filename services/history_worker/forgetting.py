"""Forgets what messages were counted, once no repeat of them can come any more."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.history_worker import store
from shared.shards import Shards

# Longer than a message waits for a shard that is away, or lies among the dead letters until somebody looks.
KEPT: Final = timedelta(days=30)
_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Forgets on each shard."""

    shards: Shards
    clock: Callable[[], datetime]

    async def forget(self, shard: int) -> None:
        """Forget all that is old enough, some in each transaction.

        Raises:
            UnavailableError: the shard cannot be reached.
        """
        forgotten = _AT_ONCE
        while forgotten == _AT_ONCE:
            async with self.shards.transaction(shard, ()) as transaction:
                forgotten = await store.forget(transaction.driver, self.clock() - KEPT, _AT_ONCE)
