"""Finds a place for each batch where it is safe: a queue of the broker, or the spool."""

from enum import StrEnum

import structlog

from services.ingest_gateway.intake.batches import Batch
from services.ingest_gateway.intake.outlet import Outlet
from services.ingest_gateway.intake.spool import Spool
from shared import metrics
from shared.cycles import Stage, Tally
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.fare_lanes import Lane

log = structlog.get_logger()


class Stored(StrEnum):
    """Where a batch is safe."""

    QUEUE = "queue"
    SPOOL = "spool"


class Deliverer:
    """Delivers batches.

    Args:
        outlet: leads to the broker.
        spool: takes what the broker does not.
        tally: of the fares that the broker has.
        failpoints: where tests let the gateway die.
    """

    def __init__(self, outlet: Outlet, spool: Spool, tally: Tally, failpoints: Failpoints) -> None:
        self._outlet = outlet
        self._spool = spool
        self._tally = tally
        self._failpoints = failpoints
        self._going = dict.fromkeys(Lane, Stored.QUEUE)  # where the last batch went
        for lane in Lane:
            for stored in Stored:
                metrics.INGESTED_FARES.labels(lane.value, stored.value)  # shows zero

    @property
    def open(self) -> bool:
        """Whether a batch would find a place, as far as is known."""
        return self._spool.open or any(self._outlet.open(lane) for lane in Lane)

    async def deliver(self, batch: Batch) -> Stored:
        """Return once the batch is safe, and say where.

        Raises:
            UnavailableError: neither takes it; it may have landed all the same.
        """
        stored = await self._place(batch)
        self._say_if_new(batch.lane, stored)
        metrics.INGESTED_FARES.labels(batch.lane.value, stored.value).inc(batch.fares)
        return stored

    async def _place(self, batch: Batch) -> Stored:
        try:
            await self._publish(batch)
        except UnavailableError as refusal:
            await self._keep(batch, refusal)
            return Stored.SPOOL
        return Stored.QUEUE

    def _say_if_new(self, lane: Lane, stored: Stored) -> None:
        """Once, not for every batch."""
        if stored is not self._going[lane]:
            self._going[lane] = stored
            log.warning("fares_go_another_way", lane=lane.value, to=stored.value)

    async def _publish(self, batch: Batch) -> None:
        await self._outlet.publish(batch)
        self._failpoints.hit("gateway.confirmed")
        self._tally.add(batch.cycle, Stage.PUBLISHED, batch.fares)

    async def _keep(self, batch: Batch, refusal: UnavailableError) -> None:
        try:
            await self._spool.keep(batch)
        except UnavailableError as error:
            raise UnavailableError(refusal.server, f"and so is {error.server} ({refusal}; {error})") from error
        self._failpoints.hit("gateway.spooled")
