"""Brings to the broker what lies in the spool, once it takes batches again.

A lane's batches go in the order in which they were kept, each after the confirm of the one before, by one process at a
time. A process that is killed between confirm and commit leaves batches that are published again: a fare that is seen
twice at one price is no change.
"""

from collections.abc import Mapping
from typing import Final

import structlog

from services.ingest_gateway.intake.batches import Batch
from services.ingest_gateway.intake.outlet import Outlet
from services.ingest_gateway.intake.spool import Spool
from shared.cycles import Stage, Tally
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.fare_lanes import Lane

EVERY_S: Final = 1.0
_AT_ONCE: Final = 20  # batches in one transaction, which a crash repeats and memory holds: 8 MB of full ones

log = structlog.get_logger()


class Relay:
    """Drains the spool.

    Args:
        spool: what lies there.
        outlet: where it goes.
        tally: of the fares that have gone.
        failpoints: where tests let the gateway die.
    """

    def __init__(self, spool: Spool, outlet: Outlet, tally: Tally, failpoints: Failpoints) -> None:
        self._spool = spool
        self._outlet = outlet
        self._tally = tally
        self._failpoints = failpoints

    async def drain(self) -> None:
        """Publish all that the broker takes and no other process has in hand.

        As long as the spool is known to be empty, which is nearly always, the database is not asked.

        Raises:
            UnavailableError: the database is away.
        """
        if self._spool.empty:
            return
        for lane in Lane:
            if drained := await self._drain(lane):
                log.info("spool_drained", lane=lane.value, batches=drained)

    async def _drain(self, lane: Lane) -> int:
        """Publish a lane's batches until there are no more, or one does not get through; returns how many did."""
        drained, more = 0, True
        while more and self._outlet.open(lane):
            gone = await self._drain_some(lane)
            drained, more = drained + gone, gone == _AT_ONCE
        return drained

    async def _drain_some(self, lane: Lane) -> int:
        async with self._spool.turn(lane) as turn:
            if turn is None:
                return 0
            gone = await self._publish(await turn.oldest(_AT_ONCE))
            if gone:
                self._failpoints.hit("gateway.relayed")
                await turn.forget(gone)
        return len(gone)

    async def _publish(self, batches: Mapping[int, Batch]) -> list[int]:
        """Publish one after the other until one does not get through; returns which did."""
        gone = []
        for number, batch in batches.items():
            try:
                await self._outlet.publish(batch)
            except UnavailableError as error:
                log.warning("spool_not_drained", lane=batch.lane.value, error=str(error))
                break
            self._tally.add(batch.cycle, Stage.PUBLISHED, batch.fares)
            gone.append(number)
        return gone
