"""What is left of the price stage without broker, decoding and changes: boards read, compared and written.

It fills boards for the benches, and it is the ceiling of the price stage.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pyarrow as pa

from fleet.bench.sweep import Sweep
from services.price_worker.comparison import compare
from services.price_worker.sightings import latest
from shared.conversion import ReferenceAmounts
from shared.fare_boards.layout import expires_at, redis_key
from shared.fare_boards.store import BoardStore, Write
from shared.messages.columns import FareColumns, validate
from shared.money import Rates
from shared.settings import DEFAULT_FARE_LIFETIME


class Steps:
    """Processor time of this process by the step that took it, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def taking(self, step: str) -> Iterator[None]:
        """Count what the block takes."""
        before = time.process_time()
        yield
        self.seconds[step] += time.process_time() - before


class BareComparison:
    """Compares fares with the boards in one process, a batch at a time.

    Args:
        store: of boards that nobody else writes.
        rates: by which they are converted.
    """

    def __init__(self, store: BoardStore, rates: Rates) -> None:
        self._store = store
        self._amounts = ReferenceAmounts(rates)
        self.steps = Steps()

    def read(self, batches: Iterable[pa.RecordBatch]) -> Iterator[FareColumns]:
        """The fares of these batches, checked."""
        for rows in batches:
            with self.steps.taking("validate"):
                fares, _ = validate(rows, datetime.now(UTC), DEFAULT_FARE_LIFETIME, self._amounts.check)
            yield fares

    async def run(self, fares: FareColumns) -> None:
        """Compare a batch and write what has changed.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        with self.steps.taking("sort"):
            seen = latest(fares)
        with self.steps.taking("read"):
            keys = [redis_key(int(board)) for board in seen.boards]
            boards = await self._store.read(keys)
        stale_before = int((datetime.now(UTC) - DEFAULT_FARE_LIFETIME).timestamp() * 1000)
        with self.steps.taking("compare"):
            values = compare(seen, boards, self._amounts, stale_before).values
        with self.steps.taking("write"):
            writes = [
                Write(keys[board], boards.headers[board], value, expires_at(int(seen.boards[board])))
                for board, value in values.items()
            ]
            await self._store.write(writes)


async def fill_boards(redis_url: str, sweep: Sweep, rates: Rates, filled: Callable[[int], None]) -> None:
    """Put the first cycle of a sweep straight onto the boards.

    Args:
        redis_url: where the boards are.
        sweep: what to put there.
        rates: by which it is converted.
        filled: is told how many fares are there since it was last told.

    Raises:
        UnavailableError: Redis cannot be reached.
    """
    store = BoardStore(redis_url)
    comparison = BareComparison(store, rates)
    for fares in comparison.read(sweep.batches(0, datetime.now(UTC))):
        await comparison.run(fares)
        filled(len(fares.board))
    await store.close()
