"""The gateway's door with everything behind it in memory."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from litestar import Litestar

from services.ingest_gateway.http.app import create_app
from services.ingest_gateway.intake.batches import Batch
from services.ingest_gateway.intake.delivering import Deliverer, Stored
from services.ingest_gateway.intake.intake import Intake
from services.ingest_gateway.producers.limits import Allowances, FareLimits
from services.ingest_gateway.producers.minute import Grant
from services.ingest_gateway.producers.producer import Producer
from services.ingest_gateway.producers.producers import Producers, UnknownKeyError
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.fare_lanes import Lane
from tests.unit.fares import NOW

LIFETIME = timedelta(days=14)
KEY = {"Authorization": "Bearer flk_test"}
LIVE_ONLY = {"Authorization": "Bearer flk_live"}

_ALL_LANES = frozenset(Lane)
_PRODUCERS = {
    KEY["Authorization"]: Producer("test", "a test", "test", _ALL_LANES, 600_000),
    LIVE_ONLY["Authorization"]: Producer("live", "another test", "test", frozenset({Lane.LIVE}), 600_000),
}


class KeptBatches(Deliverer):
    """Keeps what it is given in the place that a test names."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.place: Stored | None = Stored.QUEUE

    @property
    def open(self) -> bool:
        return self.place is not None

    async def deliver(self, batch: Batch) -> Stored:
        if self.place is None:
            raise UnavailableError("rabbitmq", "and so is the spool")
        self.batches.append(batch)
        return self.place

    @property
    def fares(self) -> list[dict[str, Any]]:
        """All that was kept, in the order in which it was."""
        return [fare for batch in self.batches for fare in pa.ipc.open_stream(batch.body).read_all().to_pylist()]


class KnownProducers(Producers):
    """Those that a test names."""

    def __init__(self) -> None:
        self.known = dict(_PRODUCERS)
        self.away = False

    async def of(self, authorization: str | None) -> Producer:
        if self.away:
            raise UnavailableError("accounts")
        if (producer := self.known.get(authorization or "")) is None:
            raise UnknownKeyError
        return producer


class Allowance(Allowances):
    """Grants so many fares in all."""

    def __init__(self) -> None:
        self.left = 10_000_000

    async def grant(self, key_id: str, limit: int, least: int, most: int) -> Grant:  # noqa: ARG002  # as it is asked
        if least > self.left:
            return Grant(0, 7)
        self.left -= least
        return Grant(least, 0)

    async def close(self) -> None:
        """There is nothing to close."""


class OpenDoor:
    """The application, and what is behind it.

    Args:
        clock: stands still at the instant of the fares in `tests.unit.fares`, unless a test says otherwise.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: NOW) -> None:
        self.kept = KeptBatches()
        self.producers = KnownProducers()
        self.allowance = Allowance()
        intake = Intake(self.kept, 0.001, LIFETIME, clock, Failpoints(None))
        self.app: Litestar = create_app(intake, self.producers, FareLimits(self.allowance))


def reasons(receipt: dict[str, Any]) -> Sequence[tuple[int, str]]:
    """What a receipt says was set aside."""
    return [(fault["position"], fault["reason"]) for fault in receipt["set_aside"]]
