"""An intake that keeps what it is given, and says no when it is told to."""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from services.ingest_gateway.intake.taken import FareValues, Taken
from shared.errors import UnavailableError
from shared.fare_lanes import Lane


class KeepingIntake:
    """Takes fares into memory; those without a price it sets aside."""

    def __init__(self) -> None:
        self.fares: list[dict[str, Any]] = []
        self.ways: set[tuple[Lane, str | None]] = set()  # lane and cycle of each call
        self.refusals = 0  # calls that will be refused
        self.largest = 0  # fares of a call
        self.meanwhile: Callable[[], None] | None = None  # happens in each call

    async def take(self, fares: Sequence[FareValues], lane: Lane, cycle: str | None) -> Taken:
        if self.refusals:
            self.refusals -= 1
            raise UnavailableError("intake")
        if self.meanwhile:
            self.meanwhile()
        faults = [(position, "price_missing") for position, fare in enumerate(fares) if not fare["price"]]
        self.fares += [dict(fare) for fare in fares if fare["price"]]
        self.ways.add((lane, cycle))
        self.largest = max(self.largest, len(fares))
        return Taken(faults, spooled=False)

    async def take_batch(self, fares: pa.RecordBatch, lane: Lane, cycle: str | None) -> Taken:
        return await self.take(fares.to_pylist(), lane, cycle)
